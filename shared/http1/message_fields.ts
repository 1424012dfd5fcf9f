/** Takes a head's fields apart: what the connection needs, and what the exchange carries on. */
import { Fields } from "../exchange/fields.ts";
import { isToken } from "../http/byte_classes.ts";
import { isConnectionField, isProtectedField } from "../http/field_rules.ts";
import { Http1Violation } from "./http1_violation.ts";

/** More options than any sender has use for; bounds the work of removing what they name. */
const MAX_CONNECTION_OPTIONS = 32;
const MAX_LENGTH_DIGITS = 16;

export interface MessageFields {
  /** As the exchange carries them; still with `host` and `expect`. */
  fields: Fields;
  contentLength: number | null;
  isChunked: boolean;
  /** `connection: close` was there. */
  isClosing: boolean;
}

/** @throws {Http1Violation} for ambiguous framing (RFC 9112 §6.3) */
export function readMessageFields(flat: string[], version: "1.0" | "1.1"): MessageFields {
  const fields = new Fields();
  let contentLength: number | null = null;
  let isChunked = false;
  let connection: string | null = null;
  for (let i = 0; i < flat.length; i += 2) {
    const name = flat[i] ?? "";
    const value = flat[i + 1] ?? "";
    if (name === "content-length") {
      if (contentLength !== null) throw new Http1Violation("several content-length fields");
      contentLength = parseContentLength(value);
    } else if (!isConnectionField(name)) {
      fields.append(name, value);
    } else if (name === "transfer-encoding") {
      if (isChunked) throw new Http1Violation("several transfer-encoding fields");
      if (value.toLowerCase() !== "chunked") throw new Http1Violation("transfer coding other than chunked");
      if (version === "1.0") throw new Http1Violation("transfer-encoding in HTTP/1.0");
      isChunked = true;
    } else if (name === "connection") {
      connection = connection === null ? value : `${connection},${value}`;
    } else if (name === "te" && asksForTrailers(value) && !fields.has("te")) {
      fields.append("te", "trailers");
    }
  }
  if (isChunked && contentLength !== null) throw new Http1Violation("content-length with transfer-encoding");
  const isClosing = connection !== null && applyConnection(fields, connection);
  return { fields, contentLength, isChunked, isClosing };
}

/** Removes what `connection` names and may name; true if it says close. */
function applyConnection(fields: Fields, connection: string): boolean {
  let isClosing = false;
  const options = listMembers(connection);
  if (options.length > MAX_CONNECTION_OPTIONS) throw new Http1Violation("too many connection options");
  for (const option of options) {
    if (option === "" || option === "keep-alive") continue;
    if (!isToken(option)) throw new Http1Violation("malformed connection option");
    if (option === "close") isClosing = true;
    else if (option !== "te" && !isProtectedField(option)) fields.delete(option);
  }
  return isClosing;
}

/** Plain digits without a leading zero: what every parser reads alike. */
function parseContentLength(value: string): number {
  if (!/^(0|[1-9][0-9]*)$/.test(value) || value.length > MAX_LENGTH_DIGITS) {
    throw new Http1Violation("malformed content-length");
  }
  const length = Number(value);
  if (!Number.isSafeInteger(length)) throw new Http1Violation("malformed content-length");
  return length;
}

function asksForTrailers(te: string): boolean {
  return listMembers(te).includes("trailers");
}

/** The members of a comma list in lower case; space is SP and HTAB only (RFC 9110 §5.6.1, §5.6.3). */
function listMembers(list: string): string[] {
  return list.toLowerCase().split(",").map((member) => member.replace(/^[ \t]+|[ \t]+$/g, ""));
}
