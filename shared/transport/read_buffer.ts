/**
 * The buffer that a connection reads into: small while little comes, since a held connection always has a read pending;
 * larger as soon as one read fills it.
 */
import { giveSlab, LARGEST_SLAB_BYTES, takeSlab } from "../buffers/slab_pool.ts";

const QUIET_BYTES = 1024;

export class ReadBuffer {
  #slab = takeSlab(QUIET_BYTES);

  /** Where the next read goes; valid until {@linkcode read} is called. */
  get bytes(): Uint8Array {
    return this.#slab;
  }

  /** A read brought `length` bytes, which are done with: fits the buffer to what may come next. */
  read(length: number): void {
    if (length === this.#slab.length && length < LARGEST_SLAB_BYTES) this.#replace(length * 16);
    else if (length <= QUIET_BYTES / 2 && this.#slab.length > QUIET_BYTES) this.#replace(QUIET_BYTES);
  }

  /** The connection ended. */
  release(): void {
    giveSlab(this.#slab);
  }

  #replace(bytes: number): void {
    giveSlab(this.#slab);
    this.#slab = takeSlab(Math.min(bytes, LARGEST_SLAB_BYTES));
  }
}
