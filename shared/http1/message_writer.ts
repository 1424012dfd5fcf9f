/**
 * Writes messages. Framing is always ours: it follows from what the codec tells `begin…`, never from the fields.
 *
 * Names and values are checked again, although every codec of ours checks what it reads: a line end that came through
 * another protocol would be a second message here.
 */
import { assert } from "../assert/assert.ts";
import { OutputBuffer } from "../buffers/output_buffer.ts";
import type { Fields } from "../exchange/fields.ts";
import { isFieldValue, isToken } from "../http/byte_classes.ts";
import { isConnectionField, isForbiddenTrailer } from "../http/field_rules.ts";

/** How the end of a body is told: not at all, by its length, by a last chunk, by the end of the connection. */
export type BodyFraming = "none" | "length" | "chunked" | "until_close";

/** Payload of one chunk: with size line and line ends it fills one slab. */
const MAX_CHUNK_BYTES = 65536 - 8;
const HEX_DIGITS = new TextEncoder().encode("0123456789abcdef");
const CR = 0x0d;
const LF = 0x0a;

export class MessageWriter {
  readonly #output = new OutputBuffer();
  #framing: BodyFraming = "none";
  #remainingBytes = 0;

  get pendingBytes(): number {
    return this.#output.pendingBytes;
  }

  take(): Uint8Array | null {
    return this.#output.take();
  }

  release(chunk: Uint8Array): void {
    this.#output.release(chunk);
  }

  /**
   * Writes a head and sets how the body after it is framed.
   * @param startLine without line end
   * @param framingFields whole lines with line ends
   */
  head(startLine: string, { fields, framingFields, framing, bodyBytes }: {
    fields: Fields;
    framingFields: string;
    framing: BodyFraming;
    /** The length for framing `length`. */
    bodyBytes: number;
  }): void {
    this.#output.appendLatin1(`${startLine}\r\n${framingFields}${fieldLines(fields)}\r\n`);
    this.#framing = framing;
    this.#remainingBytes = bodyBytes;
  }

  /** More must be written before the message is whole: payload, or a last chunk. */
  get isUnfinished(): boolean {
    return this.#framing === "chunked" || (this.#framing === "length" && this.#remainingBytes > 0);
  }

  /** Drops the bytes if the message has no body. @throws {AssertionError} beyond the announced length */
  body(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    switch (this.#framing) {
      case "none":
        return;
      case "length":
        assert(bytes.length <= this.#remainingBytes, "body longer than its announced length");
        this.#remainingBytes -= bytes.length;
        return this.#output.append(bytes);
      case "until_close":
        return this.#output.append(bytes);
      case "chunked":
        if (bytes.length <= MAX_CHUNK_BYTES) return this.#chunk(bytes);
        for (let at = 0; at < bytes.length; at += MAX_CHUNK_BYTES) {
          this.#chunk(bytes.subarray(at, at + MAX_CHUNK_BYTES));
        }
    }
  }

  /** Trailers go out only after chunks. @throws {AssertionError} short of the announced length */
  end(trailers: Fields | null): void {
    assert(
      this.#framing !== "length" || this.#remainingBytes === 0,
      "body shorter than its announced length",
    );
    if (this.#framing === "chunked") {
      const lines = trailers === null ? "" : fieldLines(trailers, isForbiddenTrailer);
      this.#output.appendLatin1(`0\r\n${lines}\r\n`);
    }
    this.#framing = "none";
  }

  /** Size line, payload and line end in one piece of the output. */
  #chunk(bytes: Uint8Array): void {
    const length = bytes.length;
    const digits = length < 0x10 ? 1 : length < 0x100 ? 2 : length < 0x1000 ? 3 : 4;
    const view = this.#output.reserve(length + digits + 4);
    for (let i = digits - 1, rest = length; i >= 0; i--, rest >>= 4) view[i] = HEX_DIGITS[rest & 15] ?? 0;
    view[digits] = CR;
    view[digits + 1] = LF;
    view.set(bytes, digits + 2);
    view[length + digits + 2] = CR;
    view[length + digits + 3] = LF;
  }
}

/** The lines of `fields` that `isLeftOut` does not leave out, nor the framing: with line ends. */
function fieldLines(fields: Fields, isLeftOut: (name: string) => boolean = isConnectionField): string {
  let lines = "";
  for (let i = 0; i < fields.size; i++) {
    const name = fields.nameAt(i);
    const value = fields.valueAt(i);
    if (name === "content-length" || isLeftOut(name)) continue;
    assert(isToken(name) && isFieldValue(value), "malformed field from our own side");
    lines += `${name}: ${value}\r\n`;
  }
  return lines;
}
