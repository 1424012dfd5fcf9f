/**
 * The field lines of a head or trailer section behind its pseudo-headers (RFC 9113 §8.2), checked and cleaned as the
 * exchange contract says. What HTTP/1.1 would read as framing never passes: control characters, connection-specific
 * fields, a second `content-length`.
 */
import { Fields } from "../exchange/fields.ts";
import { isFieldValue, isToken } from "../http/byte_classes.ts";
import { isConnectionField } from "../http/field_rules.ts";
import { malformed } from "./http2_error.ts";

const COLON = 0x3a;
const SPACE = 0x20;
const TAB = 0x09;
const UPPER_CASE = /[A-Z]/;
/** Up to 2^53, so that the length is exact as a number. */
const LENGTH = /^[0-9]{1,15}$/;

export interface FieldSection {
  /** Without `host`, `content-length` and `expect`; cookie crumbs joined. */
  readonly fields: Fields;
  readonly contentLength: number | null;
  /** The value of `host` as sent, or null. */
  readonly host: string | null;
  readonly expect: string | null;
}

/** True for a name that begins with a colon. */
export function isPseudoName(name: string): boolean {
  return name.charCodeAt(0) === COLON;
}

/**
 * Reads `flat` (name, value …) from `start` on.
 * @throws {Http2Error} of the stream: the message is malformed
 */
export function readFieldSection(
  flat: readonly string[],
  options: { start: number; streamId: number },
): FieldSection {
  const { streamId } = options;
  const kept: string[] = [];
  const seen = {
    contentLength: null as number | null,
    host: null as string | null,
    expect: null as string | null,
  };
  let cookieAt = -1;
  for (let i = options.start; i < flat.length; i += 2) {
    const name = flat[i] ?? "";
    const value = flat[i + 1] ?? "";
    checkName(name, streamId);
    checkValue(value, streamId);
    if (name === "cookie") {
      if (cookieAt < 0) cookieAt = kept.push(name, value) - 1;
      else kept[cookieAt] += `; ${value}`;
    } else if (name === "content-length") {
      if (seen.contentLength !== null || !LENGTH.test(value)) throw malformed("bad content-length", streamId);
      seen.contentLength = Number(value);
    } else if (name === "host" || name === "expect") {
      if (seen[name] !== null) throw malformed(`several ${name} fields`, streamId);
      seen[name] = value;
    } else if (name === "te") {
      // RFC 9113 §8.2.2: no other value than this may cross.
      if (value.toLowerCase() !== "trailers") throw malformed("te other than trailers", streamId);
      kept.push(name, "trailers");
    } else {
      if (isConnectionField(name)) throw malformed("connection-specific field", streamId);
      kept.push(name, value);
    }
  }
  return { ...seen, fields: new Fields(kept) };
}

function checkName(name: string, streamId: number): void {
  if (isPseudoName(name)) throw malformed("pseudo-header unknown or out of place", streamId);
  if (!isToken(name) || UPPER_CASE.test(name)) throw malformed("malformed field name", streamId);
}

function checkValue(value: string, streamId: number): void {
  if (!isFieldValue(value)) throw malformed("control character in a field", streamId);
  const first = value.charCodeAt(0);
  const last = value.charCodeAt(value.length - 1);
  if (first === SPACE || first === TAB || last === SPACE || last === TAB) {
    throw malformed("space around a field's value", streamId);
  }
}
