/** A request's head (RFC 9112 §3): parsed, checked against everything that smuggles, made canonical. */
import type { Fields } from "../exchange/fields.ts";
import { canonicalAuthority } from "../http/authority.ts";
import { TARGET_BYTE, TOKEN_BYTE } from "../http/byte_classes.ts";
import { byteText } from "../http/byte_text.ts";
import { type HeadText, parseFields } from "./field_parser.ts";
import type { Http1Limits } from "./http1_limits.ts";
import { Http1Violation } from "./http1_violation.ts";
import { readMessageFields } from "./message_fields.ts";

const SPACE = 0x20;
const MAX_METHOD_BYTES = 32;

/** A request's head, validated, without `host` and connection fields; otherwise as in `RequestHead`. */
export interface Http1RequestHead {
  readonly method: string;
  /** Canonical: lower case, validated; empty only for HTTP/1.0 without `host`. */
  readonly authority: string;
  /** Begins with `/`, or is `*` (OPTIONS). */
  readonly path: string;
  readonly fields: Fields;
  readonly contentLength: number | null;
  readonly version: "1.0" | "1.1";
  /** The client waits for `sendContinue` before it sends the body. */
  readonly expectsContinue: boolean;
}

export interface ParsedRequest {
  head: Http1RequestHead;
  isClosing: boolean;
}

interface RequestLine {
  method: string;
  target: string;
  version: "1.0" | "1.1";
  /** Where the field lines begin. */
  end: number;
}

/** @throws {Http1Violation} */
export function parseRequestHead(bytes: Uint8Array, limits: Http1Limits): ParsedRequest {
  const headText: HeadText = { bytes, text: byteText(bytes) };
  const line = parseRequestLine(headText, limits.maxTargetBytes);
  const { method, version } = line;
  const flat = parseFields(headText, { start: line.end, maxCount: limits.maxFieldCount });
  const { fields, contentLength, isChunked, isClosing } = readMessageFields(flat, version);
  const host = takeHost(fields, version);
  const { authority, path } = resolveTarget(line, host);
  const announcedLength = isChunked ? null : contentLength ?? 0;
  const expectsContinue = takeExpect(fields) && version === "1.1" && announcedLength !== 0;
  return {
    head: { method, authority, path, fields, contentLength: announcedLength, version, expectsContinue },
    isClosing: isClosing || version === "1.0",
  };
}

function parseRequestLine({ bytes, text }: HeadText, maxTargetBytes: number): RequestLine {
  let at = 0;
  while (TOKEN_BYTE[bytes[at] ?? 0] === 1) at++;
  if (at === 0 || at > MAX_METHOD_BYTES || bytes[at] !== SPACE) throw new Http1Violation("malformed method");
  const method = text.slice(0, at);
  const targetStart = ++at;
  while (TARGET_BYTE[bytes[at] ?? 0] === 1) at++;
  if (at === targetStart || bytes[at] !== SPACE) throw new Http1Violation("malformed request target");
  if (at - targetStart > maxTargetBytes) {
    throw new Http1Violation("the request target is too long", "too_large");
  }
  const target = text.slice(targetStart, at);
  const end = at + 11;
  const rest = text.slice(at + 1, end);
  if (rest === "HTTP/1.1\r\n") return { method, target, version: "1.1", end };
  if (rest === "HTTP/1.0\r\n") return { method, target, version: "1.0", end };
  throw new Http1Violation("malformed request line, or a version other than HTTP/1.0 and HTTP/1.1");
}

/** RFC 9112 §3.2: one valid `host` for HTTP/1.1; HTTP/1.0 may have none. */
function takeHost(fields: Fields, version: "1.0" | "1.1"): string {
  const hosts = fields.getAll("host");
  fields.delete("host");
  if (hosts.length === 0 && version === "1.0") return "";
  if (hosts.length !== 1) throw new Http1Violation(hosts.length === 0 ? "no host" : "several host fields");
  const host = canonicalAuthority(hosts[0] ?? "");
  if (host === null) throw new Http1Violation("malformed host");
  return host;
}

function resolveTarget(line: RequestLine, host: string): { authority: string; path: string } {
  const { method, target } = line;
  if (method === "CONNECT") throw new Http1Violation("CONNECT is not served");
  if (target.startsWith("/")) return { authority: host, path: target };
  if (target === "*" && method === "OPTIONS") return { authority: host, path: target };
  const absolute = /^https?:\/\/([^/?]*)(.*)$/i.exec(target);
  const authority = absolute === null ? null : canonicalAuthority(absolute[1] ?? "");
  if (authority === null) throw new Http1Violation("malformed request target");
  if (authority !== host && host !== "") throw new Http1Violation("request target and host differ");
  const rest = absolute?.[2] ?? "";
  if (rest === "" && method === "OPTIONS") return { authority, path: "*" };
  return { authority, path: rest.startsWith("/") ? rest : `/${rest}` };
}

/** RFC 9110 §10.1.1: `100-continue` is the only expectation there is. */
function takeExpect(fields: Fields): boolean {
  const expectations = fields.getAll("expect");
  if (expectations.length === 0) return false;
  fields.delete("expect");
  if (expectations.length > 1 || expectations[0]?.toLowerCase() !== "100-continue") {
    throw new Http1Violation("unknown expectation");
  }
  return true;
}
