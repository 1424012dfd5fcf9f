/**
 * Bytes on their way to a socket: appended in any number of pieces, taken in few large chunks.
 *
 * Invariant: a chunk that was taken is never written to again until it is released. Empty buffers hold no slab.
 */
import { assert } from "../assert/assert.ts";
import { giveSlab, LARGEST_SLAB_BYTES, takeSlab } from "./slab_pool.ts";

export class OutputBuffer {
  /** Slabs that are full, in order, each with its used length. */
  #full: { slab: Uint8Array; length: number }[] = [];
  #slab: Uint8Array | null = null;
  #length = 0;
  #pendingBytes = 0;

  /** Bytes appended and not yet taken. */
  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  /**
   * A view of exactly `bytes` (1 to 64 KiB) contiguous bytes at the end of the buffer, for the caller to fill
   * before the next call of any method.
   */
  reserve(bytes: number): Uint8Array {
    assert(bytes > 0 && bytes <= LARGEST_SLAB_BYTES, "a reservation is 1 byte to the largest slab");
    const room = this.#slab === null ? 0 : this.#slab.length - this.#length;
    if (room < bytes) this.#grow(bytes);
    const slab = this.#slab as Uint8Array;
    const start = this.#length;
    this.#length += bytes;
    this.#pendingBytes += bytes;
    return slab.subarray(start, start + bytes);
  }

  /** Copies `bytes` (any length) to the end. */
  append(bytes: Uint8Array): void {
    for (let offset = 0; offset < bytes.length;) {
      const room = this.#slab === null ? 0 : this.#slab.length - this.#length;
      const wanted = Math.min(bytes.length - offset, LARGEST_SLAB_BYTES);
      const piece = wanted > room && this.#slab?.length === LARGEST_SLAB_BYTES && room > 0 ? room : wanted;
      this.reserve(piece).set(
        offset === 0 && piece === bytes.length ? bytes : bytes.subarray(offset, offset + piece),
      );
      offset += piece;
    }
  }

  /** Appends a byte string: one byte for each UTF-16 unit, all of them below 256. */
  appendLatin1(text: string): void {
    for (let offset = 0; offset < text.length;) {
      const piece = Math.min(text.length - offset, LARGEST_SLAB_BYTES);
      const view = this.reserve(piece);
      for (let i = 0; i < piece; i++) view[i] = text.charCodeAt(offset + i);
      offset += piece;
    }
  }

  /** The next chunk to write, or null. The caller owns it until {@linkcode release}. */
  take(): Uint8Array | null {
    const first = this.#full.shift();
    if (first !== undefined) {
      this.#pendingBytes -= first.length;
      return first.slab.subarray(0, first.length);
    }
    const slab = this.#slab;
    if (slab === null || this.#length === 0) return null;
    const chunk = slab.subarray(0, this.#length);
    this.#pendingBytes -= this.#length;
    this.#slab = null;
    this.#length = 0;
    return chunk;
  }

  /** Gives the slab behind a taken chunk back to the pool. */
  release(chunk: Uint8Array): void {
    giveSlab(new Uint8Array(chunk.buffer));
  }

  /** Drops everything not yet taken. */
  clear(): void {
    for (const { slab } of this.#full) giveSlab(slab);
    this.#full = [];
    if (this.#slab !== null) giveSlab(this.#slab);
    this.#slab = null;
    this.#length = 0;
    this.#pendingBytes = 0;
  }

  #grow(bytes: number): void {
    const old = this.#slab;
    const used = this.#length;
    if (old !== null && used > 0 && used + bytes > LARGEST_SLAB_BYTES) {
      this.#full.push({ slab: old, length: used });
      this.#slab = takeSlab(Math.max(bytes, old.length));
      this.#length = 0;
      return;
    }
    const slab = takeSlab(Math.min(LARGEST_SLAB_BYTES, Math.max(used + bytes, (old?.length ?? 0) * 2)));
    if (old !== null) {
      slab.set(old.subarray(0, used));
      giveSlab(old);
    }
    this.#slab = slab;
  }
}
