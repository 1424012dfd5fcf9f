/**
 * Cuts a lane's bytes into frames, however the transport chunked them.
 *
 * A frame that lies whole in the given chunk is read in place; only one that straddles chunks is copied, into a buffer
 * of exactly its length, which `maxPayloadBytes` bounds before it is allocated.
 */
import { maxPayloadBytes } from "./frame_type.ts";
import { ProtocolViolation } from "./protocol_violation.ts";
import { FrameReader, varintSizeFromFirstByte } from "./varint.ts";

/** Type and the longest length. */
const MAX_HEADER_BYTES = 9;

export class FrameSplitter {
  /** Of the frame that {@linkcode next} found. */
  type = 0;
  /** Reads that frame's payload. */
  readonly payload: FrameReader = new FrameReader();
  /** Header and payload of that frame. */
  encodedBytes = 0;

  readonly #headerReader = new FrameReader();
  readonly #header = new Uint8Array(MAX_HEADER_BYTES);
  #headerLength = 0;
  #chunk: Uint8Array = new Uint8Array(0);
  #at = 0;
  /** Payload of a frame that straddles chunks. */
  #partial: Uint8Array | null = null;
  #partialLength = 0;
  #spent: Uint8Array | null = null;

  /** Bytes kept of a frame that is not complete. */
  get partialBytes(): number {
    return this.#headerLength + this.#partialLength;
  }

  /** Gives the next chunk; the one before is used up. */
  feed(chunk: Uint8Array): void {
    this.#chunk = chunk;
    this.#at = 0;
  }

  /** Moves to the next complete frame; false when the chunk holds none. @throws {ProtocolViolation} */
  next(): boolean {
    if (this.#partial !== null) return this.#fillPartial(this.#partial);
    const length = this.#readHeader();
    if (length < 0) return false;
    if (length > maxPayloadBytes(this.type)) {
      throw new ProtocolViolation("frame_size", `frame 0x${this.type.toString(16)} of ${length} bytes`);
    }
    this.encodedBytes += length;
    const start = this.#at;
    if (this.#chunk.length - start >= length) {
      this.payload.reset(this.#chunk, { start, end: start + length });
      this.#at = start + length;
      return true;
    }
    this.#partialLength = 0;
    this.#partial = new Uint8Array(length);
    return this.#fillPartial(this.#partial);
  }

  /** The buffer behind a frame that straddled chunks, once: the caller wipes it when nothing borrows from it. */
  takeSpent(): Uint8Array | null {
    const spent = this.#spent;
    this.#spent = null;
    return spent;
  }

  /** Drops what is kept of an incomplete frame, wiped. */
  clear(): void {
    this.#partial?.fill(0);
    this.#partial = null;
    this.#partialLength = 0;
    this.#headerLength = 0;
    this.feed(new Uint8Array(0));
  }

  #fillPartial(partial: Uint8Array): boolean {
    const taken = Math.min(partial.length - this.#partialLength, this.#chunk.length - this.#at);
    partial.set(this.#chunk.subarray(this.#at, this.#at + taken), this.#partialLength);
    this.#at += taken;
    this.#partialLength += taken;
    if (this.#partialLength < partial.length) return false;
    this.payload.reset(partial, { start: 0, end: partial.length });
    this.#partial = null;
    this.#partialLength = 0;
    this.#spent = partial;
    return true;
  }

  /** The payload's length, with `type` and `encodedBytes` set to the header's; -1 when the header is cut. */
  #readHeader(): number {
    const chunk = this.#chunk;
    const at = this.#at;
    const available = chunk.length - at;
    if (this.#headerLength === 0 && available >= 2) {
      const size = 1 + varintSizeFromFirstByte(chunk[at + 1] ?? 0);
      if (available >= size) {
        this.#at = at + size;
        return this.#parseHeader(chunk, { start: at, end: at + size });
      }
    }
    while (this.#at < chunk.length) {
      this.#header[this.#headerLength++] = chunk[this.#at++] ?? 0;
      const size = 1 + varintSizeFromFirstByte(this.#header[1] ?? 0);
      if (this.#headerLength >= 2 && this.#headerLength === size) {
        this.#headerLength = 0;
        return this.#parseHeader(this.#header, { start: 0, end: size });
      }
    }
    return -1;
  }

  #parseHeader(buffer: Uint8Array, range: { start: number; end: number }): number {
    this.type = buffer[range.start] ?? 0;
    this.encodedBytes = range.end - range.start;
    this.#headerReader.reset(buffer, { start: range.start + 1, end: range.end });
    const length = this.#headerReader.varint();
    return length < 0 ? Number.MAX_SAFE_INTEGER : length;
  }
}
