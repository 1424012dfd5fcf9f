/** Field lines (RFC 9112 §5): no folding, no space around names, no control characters in values. */
import { TOKEN_BYTE, VALUE_BYTE } from "../http/byte_classes.ts";
import { Http1Violation } from "./http1_violation.ts";

const CR = 0x0d;
const COLON = 0x3a;
const SPACE = 0x20;
const TAB = 0x09;

/** Names that most heads hold, so that every exchange shares one string for each and none is lower-cased again. */
const COMMON_NAMES = [
  ...["accept", "accept-encoding", "accept-language", "authorization", "cache-control", "connection"],
  ...["content-encoding", "content-length", "content-type", "cookie", "date", "expect", "host", "keep-alive"],
  ...["openai-organization", "openai-processing-ms", "openai-version", "origin", "referer", "retry-after"],
  ...["server", "te", "trailer", "traceparent", "transfer-encoding", "user-agent", "vary", "via"],
  ...["x-api-key", "x-forwarded-for", "x-forwarded-proto", "x-request-id", "x-stainless-lang"],
];
const INTERNED = new Map<string, string>();
for (const name of COMMON_NAMES) {
  INTERNED.set(name, name);
  INTERNED.set(name.replace(/(^|-)[a-z]/g, (first) => first.toUpperCase()), name);
}

/** A head's bytes beside the same as a byte string. */
export interface HeadText {
  bytes: Uint8Array;
  text: string;
}

/**
 * Parses the field lines from `start` to the end of the head, whose last four bytes are CRLF CRLF (or all of it CRLF).
 * @returns name (lower case), value, name, value …
 * @throws {Http1Violation}
 */
export function parseFields(head: HeadText, options: { start: number; maxCount: number }): string[] {
  const { bytes, text } = head;
  const flat: string[] = [];
  const end = bytes.length - 2;
  let at = options.start;
  while (at < end) {
    if (flat.length >= options.maxCount * 2) throw new Http1Violation("too many fields", "too_large");
    const nameStart = at;
    while (TOKEN_BYTE[bytes[at] ?? 0] === 1) at++;
    if (bytes[at] !== COLON || at === nameStart) throw new Http1Violation("malformed field name");
    const rawName = text.slice(nameStart, at);
    at++;
    while (bytes[at] === SPACE || bytes[at] === TAB) at++;
    const valueStart = at;
    while (VALUE_BYTE[bytes[at] ?? 0] === 1) at++;
    if (bytes[at] !== CR || bytes[at + 1] !== 0x0a) throw new Http1Violation("control character in a field");
    let valueEnd = at;
    while (valueEnd > valueStart && (bytes[valueEnd - 1] === SPACE || bytes[valueEnd - 1] === TAB)) {
      valueEnd--;
    }
    at += 2;
    flat.push(INTERNED.get(rawName) ?? rawName.toLowerCase(), text.slice(valueStart, valueEnd));
  }
  return flat;
}
