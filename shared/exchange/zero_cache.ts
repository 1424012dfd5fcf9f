/**
 * Zero cache: what the relay does to caching fields in both directions, on the edge and on the core alike.
 * Applying it twice changes nothing, so both nodes apply it without asking whether the other did.
 * Source: design document 003 §3.3.2.
 */
import type { Fields } from "./fields.ts";

const CACHE_FIELDS_OF_REQUESTS = ["cache-control", "pragma", "if-modified-since", "if-none-match"] as const;
const CACHE_FIELDS_OF_ANSWERS = ["cache-control", "expires", "etag", "pragma"] as const;

/** Removes the client's caching directives and marks the request as real-time; changes `fields`. */
export function stripRequestCaching(fields: Fields): void {
  for (const name of CACHE_FIELDS_OF_REQUESTS) fields.delete(name);
  fields.set("x-real-time", "true");
}

/** Removes the origin's caching directives and forbids caching; changes `fields`. */
export function forbidAnswerCaching(fields: Fields): void {
  for (const name of CACHE_FIELDS_OF_ANSWERS) fields.delete(name);
  fields.append("cache-control", "no-store, no-cache, must-revalidate");
  fields.append("pragma", "no-cache");
}
