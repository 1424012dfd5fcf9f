/** An answer's head (RFC 9112 §4) and what follows it (RFC 9112 §6.3). */
import type { AnswerHead } from "../exchange/exchange.ts";
import { byteText } from "../http/byte_text.ts";
import { type HeadText, parseFields } from "./field_parser.ts";
import type { Http1Limits } from "./http1_limits.ts";
import { Http1Violation } from "./http1_violation.ts";
import { readMessageFields } from "./message_fields.ts";

export interface ParsedAnswer {
  head: AnswerHead;
  body: "none" | "length" | "chunked" | "until_close";
  /** The connection cannot carry another exchange. */
  isClosing: boolean;
}

/** The status line in full; servers that leave out the reason often leave out the space before it too. */
const STATUS_LINE = /^HTTP\/1\.([01]) ([1-5][0-9][0-9])(?: [\t\x20-\x7e\x80-\xff]*)?\r\n/;

/** True for answers that never have a body, whatever their fields say. */
export function isBodyless(status: number, method: string): boolean {
  return method === "HEAD" || status === 204 || status === 304 || status < 200;
}

/** @throws {Http1Violation} */
export function parseAnswerHead(
  bytes: Uint8Array,
  options: { method: string; limits: Http1Limits },
): ParsedAnswer {
  const { method, limits } = options;
  const headText: HeadText = { bytes, text: byteText(bytes) };
  const line = STATUS_LINE.exec(headText.text);
  if (line === null) throw new Http1Violation("malformed status line");
  const version = line[1] === "1" ? "1.1" : "1.0";
  const status = Number(line[2]);
  if (status === 101) throw new Http1Violation("switching protocols was not asked for");
  const flat = parseFields(headText, { start: line[0].length, maxCount: limits.maxFieldCount });
  const { fields, contentLength, isChunked, isClosing } = readMessageFields(flat, version);
  if (isChunked && (status < 200 || status === 204)) {
    throw new Http1Violation("transfer-encoding in an answer without a body");
  }
  const length = status < 200 || status === 204 ? 0 : contentLength;
  const body = isBodyless(status, method)
    ? "none"
    : isChunked
    ? "chunked"
    : length === null
    ? "until_close"
    : "length";
  return {
    head: { status, fields, contentLength: length },
    body,
    isClosing: isClosing || version === "1.0" || body === "until_close",
  };
}
