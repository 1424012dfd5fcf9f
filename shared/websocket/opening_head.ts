/** The two heads of a WebSocket's opening handshake (RFC 6455 §4), read by the rules of our HTTP/1.1. */
import { Fields } from "../exchange/fields.ts";
import { byteText } from "../http/byte_text.ts";
import { parseFields } from "../http1/field_parser.ts";
import { HeadCollector } from "../http1/head_collector.ts";
import { Http1Violation } from "../http1/http1_violation.ts";

const MAX_HEAD_BYTES = 8 * 1024;
const MAX_FIELDS = 64;

/** The peer's head is no opening handshake. */
export class WebSocketOpeningError extends Error {
  override name = "WebSocketOpeningError";
}

export interface OpeningHead {
  /** Without its line end; a byte string. */
  readonly startLine: string;
  readonly fields: Fields;
}

export class OpeningHeadReader {
  readonly #collector = new HeadCollector({ maxBytes: MAX_HEAD_BYTES, emptyFirstLine: "refused" });

  /**
   * Takes the next bytes; null while the head is not complete. `rest` is a view of what lies behind it.
   * @throws {WebSocketOpeningError}
   */
  receive(bytes: Uint8Array): { head: OpeningHead; rest: Uint8Array } | null {
    try {
      const end = this.#collector.collect(bytes, 0);
      const head = this.#collector.head;
      return head === null ? null : { head: parseHead(head), rest: bytes.subarray(end) };
    } catch (error) {
      if (!(error instanceof Http1Violation)) throw error;
      throw new WebSocketOpeningError(error.message, { cause: error });
    }
  }
}

function parseHead(bytes: Uint8Array): OpeningHead {
  const text = byteText(bytes);
  const lineEnd = text.indexOf("\r\n");
  const flat = parseFields({ bytes, text }, { start: lineEnd + 2, maxCount: MAX_FIELDS });
  return { startLine: text.slice(0, lineEnd), fields: new Fields(flat) };
}

/** The members of a list field, over all its lines (RFC 9110 §5.6.1), as they are written. */
export function listMembers(fields: Fields, name: string): string[] {
  const members = fields.getAll(name).flatMap((value) => value.split(","));
  return members.map((member) => member.replace(/^[ \t]+|[ \t]+$/g, "")).filter((member) => member !== "");
}

/** Whether a list field holds `member`, in whatever case. */
export function hasMember(fields: Fields, name: string, member: string): boolean {
  return listMembers(fields, name).some((one) => one.toLowerCase() === member);
}

/** The value of a field that stands there once; null if it is missing or repeated. */
export function singleValue(fields: Fields, name: string): string | null {
  const values = fields.getAll(name);
  return values.length === 1 ? values[0] ?? null : null;
}
