/**
 * Variable-length integers of RFC 9000 §16: the two high bits of the first byte give the length (1, 2, 4 or 8 bytes).
 * Values stop at 2^53 - 1 here: larger ones are not exact in JavaScript, and nothing in the protocol counts so far.
 */
import { assert } from "../assert/assert.ts";

/** Bytes that the encoding of `value` takes. */
export function varintSize(value: number): 1 | 2 | 4 | 8 {
  if (value < 0x40) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x4000_0000) return 4;
  return 8;
}

/** Bytes of the encoding that begins with `firstByte`. */
export function varintSizeFromFirstByte(firstByte: number): number {
  return 1 << (firstByte >> 6);
}

/** Writes into a buffer that the caller made large enough. */
export class FrameWriter {
  buffer: Uint8Array = new Uint8Array(0);
  /** Index of the next byte to write. */
  at = 0;

  byte(value: number): void {
    this.buffer[this.at++] = value;
  }

  varint(value: number): void {
    const buffer = this.buffer;
    if (value < 0x40) {
      buffer[this.at++] = value;
    } else if (value < 0x4000) {
      buffer[this.at++] = 0x40 | (value >>> 8);
      buffer[this.at++] = value & 0xff;
    } else if (value < 0x4000_0000) {
      buffer[this.at++] = 0x80 | (value >>> 24);
      buffer[this.at++] = (value >>> 16) & 0xff;
      buffer[this.at++] = (value >>> 8) & 0xff;
      buffer[this.at++] = value & 0xff;
    } else {
      assert(value <= Number.MAX_SAFE_INTEGER, "varint above 2^53 - 1");
      this.fixed64(value);
      buffer[this.at - 8] = 0xc0 | (buffer[this.at - 8] ?? 0);
    }
  }

  /** Eight bytes, big-endian; `value` at most 2^53 - 1. */
  fixed64(value: number): void {
    let high = Math.floor(value / 0x1_0000_0000);
    let low = value >>> 0;
    for (let i = 3; i >= 0; i--) {
      this.buffer[this.at + i] = high & 0xff;
      this.buffer[this.at + 4 + i] = low & 0xff;
      high >>>= 8;
      low >>>= 8;
    }
    this.at += 8;
  }

  bytes(bytes: Uint8Array): void {
    this.buffer.set(bytes, this.at);
    this.at += bytes.length;
  }
}

/** Reads one frame's payload, never beyond its end. */
export class FrameReader {
  #buffer: Uint8Array = new Uint8Array(0);
  #at = 0;
  #end = 0;

  reset(buffer: Uint8Array, range: { start: number; end: number }): void {
    this.#buffer = buffer;
    this.#at = range.start;
    this.#end = range.end;
  }

  get remaining(): number {
    return this.#end - this.#at;
  }

  /** The next integer, or -1 when the payload ends inside it or it is above 2^53 - 1. */
  varint(): number {
    const buffer = this.#buffer;
    const at = this.#at;
    if (at >= this.#end) return -1;
    const first = buffer[at] ?? 0;
    const size = varintSizeFromFirstByte(first);
    if (at + size > this.#end) return -1;
    this.#at = at + size;
    let value = first & 0x3f;
    for (let i = 1; i < size; i++) value = value * 256 + (buffer[at + i] ?? 0);
    return value <= Number.MAX_SAFE_INTEGER ? value : -1;
  }

  /** The next eight bytes as a big-endian number, or -1 when they are not there or it is above 2^53 - 1. */
  fixed64(): number {
    if (this.remaining < 8) return -1;
    let value = 0;
    for (let i = 0; i < 8; i++) value = value * 256 + (this.#buffer[this.#at + i] ?? 0);
    this.#at += 8;
    return value <= Number.MAX_SAFE_INTEGER ? value : -1;
  }

  /** Gives the next `length` bytes to `part` to read; false when they are not there. */
  split(part: FrameReader, length: number): boolean {
    if (length < 0 || this.remaining < length) return false;
    part.reset(this.#buffer, { start: this.#at, end: this.#at + length });
    this.#at += length;
    return true;
  }

  /** What is left, borrowed. */
  rest(): Uint8Array {
    const rest = this.#buffer.subarray(this.#at, this.#end);
    this.#at = this.#end;
    return rest;
  }
}
