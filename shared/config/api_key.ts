import { createHash, randomBytes } from "node:crypto";

const KEY_BYTES = 32;

/** What {@linkcode hashApiKey} writes. */
export const API_KEY_HASH_PATTERN = /^sha256:[0-9a-f]{64}$/;

/** A new API key: `sk-lowu-` and 256 random bits in base64url. */
export function generateApiKey(): string {
  return `sk-lowu-${randomBytes(KEY_BYTES).toString("base64url")}`;
}

/**
 * The form of a key that configurations keep: `sha256:` and 64 hex digits.
 *
 * One unsalted round of SHA-256 is enough here. Slow, salted hashes protect passwords, which can be guessed; a key
 * with 256 random bits cannot be, and a fast hash keeps the check off every request's bill and lets the hash itself
 * be the look-up key.
 */
export function hashApiKey(key: string): string {
  return `sha256:${createHash("sha256").update(key).digest("hex")}`;
}
