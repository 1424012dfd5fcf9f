/**
 * The chunked transfer coding, received (RFC 9112 §7.1).
 *
 * One state for each place in the grammar, so nothing but the trailer section is ever kept. Strict: bare hex digits,
 * CRLF line ends, no space around the size. Extensions are skipped. Small chunks with long extensions make many bytes
 * of framing for few of body (CVE-2023-39326): the framing that is not covered by body is bounded.
 */
import { Fields } from "../exchange/fields.ts";
import { HEX_VALUE, VALUE_BYTE } from "../http/byte_classes.ts";
import { byteText } from "../http/byte_text.ts";
import { parseFields } from "./field_parser.ts";
import { isForbiddenTrailer } from "../http/field_rules.ts";
import { HeadCollector } from "./head_collector.ts";
import type { Http1Limits } from "./http1_limits.ts";
import { Http1Violation } from "./http1_violation.ts";

const CR = 0x0d;
const LF = 0x0a;
const SEMICOLON = 0x3b;
const MAX_SIZE_DIGITS = 16;
/** Framing that needs no body to go with it: each chunk, and each two bytes of line for a byte of body. */
const FREE_LINE_BYTES = 16;
const MAX_EXCESS_BYTES = 16 * 1024;

type State = "size" | "extension" | "size_lf" | "payload" | "payload_cr" | "payload_lf" | "trailers" | "done";

export class ChunkedDecoder {
  readonly #limits: Http1Limits;
  readonly #trailerSection: HeadCollector;
  #state: State = "size";
  /** Of the size being read, then what is left of the payload. */
  #size = 0;
  #digits = 0;
  #lineBytes = 0;
  #excessBytes = 0;
  #trailers: Fields | null = null;
  /** What the last `decode` found; a view of its piece. */
  payload: Uint8Array | null = null;

  constructor(limits: Http1Limits) {
    this.#limits = limits;
    this.#trailerSection = new HeadCollector({ maxBytes: limits.maxTrailerBytes, emptyFirstLine: "ends" });
  }

  get isDone(): boolean {
    return this.#state === "done";
  }

  get trailers(): Fields | null {
    return this.#trailers;
  }

  get heldBytes(): number {
    return this.#trailerSection.heldBytes;
  }

  /**
   * Takes bytes from `at` on until it has a `payload`, is done or the piece is used up.
   * @returns the offset behind the last byte taken
   * @throws {Http1Violation}
   */
  decode(piece: Uint8Array, at: number): number {
    this.payload = null;
    while (at < piece.length) {
      if (this.#state === "payload") return this.#takePayload(piece, at);
      if (this.#state === "trailers") return this.#takeTrailers(piece, at);
      this.#takeFraming(piece[at] ?? 0);
      at++;
    }
    return at;
  }

  #takePayload(piece: Uint8Array, at: number): number {
    const end = Math.min(piece.length, at + this.#size);
    this.payload = piece.subarray(at, end);
    this.#size -= end - at;
    if (this.#size === 0) this.#state = "payload_cr";
    return end;
  }

  #takeFraming(byte: number): void {
    switch (this.#state) {
      case "size":
        return this.#takeSizeByte(byte);
      case "extension":
        this.#countLineByte();
        if (byte === CR) this.#state = "size_lf";
        else if (VALUE_BYTE[byte] !== 1) throw new Http1Violation("control character in a chunk extension");
        return;
      case "size_lf":
        if (byte !== LF) throw new Http1Violation("carriage return without line feed in a chunk's size line");
        return this.#beginPayload();
      case "payload_cr":
        if (byte !== CR) throw new Http1Violation("chunk longer than its size");
        this.#state = "payload_lf";
        return;
      case "payload_lf":
        if (byte !== LF) throw new Http1Violation("chunk without line end");
        this.#state = "size";
    }
  }

  #takeSizeByte(byte: number): void {
    const digit = HEX_VALUE[byte] ?? 255;
    this.#countLineByte();
    if (digit < 16) {
      this.#size = this.#size * 16 + digit;
      if (++this.#digits > MAX_SIZE_DIGITS || this.#size > Number.MAX_SAFE_INTEGER) {
        throw new Http1Violation("chunk size out of range");
      }
    } else if (this.#digits > 0 && byte === CR) this.#state = "size_lf";
    else if (this.#digits > 0 && byte === SEMICOLON) this.#state = "extension";
    else throw new Http1Violation("malformed chunk size");
  }

  #countLineByte(): void {
    // The limit leaves out the line end, whose first byte is counted here.
    if (++this.#lineBytes > this.#limits.maxChunkLineBytes + 1) {
      throw new Http1Violation("chunk line too long");
    }
  }

  #beginPayload(): void {
    const excess = this.#excessBytes + this.#lineBytes - FREE_LINE_BYTES - 2 * this.#size;
    this.#excessBytes = Math.max(0, excess);
    if (this.#excessBytes > MAX_EXCESS_BYTES) throw new Http1Violation("more chunk framing than body");
    this.#state = this.#size === 0 ? "trailers" : "payload";
    this.#lineBytes = 0;
    this.#digits = 0;
  }

  #takeTrailers(piece: Uint8Array, at: number): number {
    const end = this.#trailerSection.collect(piece, at);
    const bytes = this.#trailerSection.head;
    if (bytes === null) return end;
    const flat = parseFields({ bytes, text: byteText(bytes) }, {
      start: 0,
      maxCount: this.#limits.maxFieldCount,
    });
    for (let i = 0; i < flat.length; i += 2) {
      if (isForbiddenTrailer(flat[i] ?? "")) throw new Http1Violation("field that may not be a trailer");
    }
    if (flat.length > 0) this.#trailers = new Fields(flat);
    this.#trailerSection.reset();
    this.#state = "done";
    return end;
  }
}
