/** A message's body as its head frames it (RFC 9112 §6.3). */
import type { Fields } from "../exchange/fields.ts";
import { ChunkedDecoder } from "./chunked_decoder.ts";
import type { Http1Limits } from "./http1_limits.ts";

export class BodyDecoder {
  readonly #limits: Http1Limits;
  #kind: "length" | "chunked" | "until_close" = "length";
  #remainingBytes = 0;
  #chunked: ChunkedDecoder | null = null;
  /** What the last `decode` found; a view of its piece. */
  payload: Uint8Array | null = null;

  constructor(limits: Http1Limits) {
    this.#limits = limits;
  }

  beginLength(bytes: number): void {
    this.#kind = "length";
    this.#chunked = null;
    this.#remainingBytes = bytes;
  }

  beginChunked(): void {
    this.#kind = "chunked";
    this.#chunked = new ChunkedDecoder(this.#limits);
  }

  beginUntilClose(): void {
    this.#kind = "until_close";
    this.#chunked = null;
  }

  get isDone(): boolean {
    return this.#kind === "length" ? this.#remainingBytes === 0 : this.#chunked?.isDone === true;
  }

  /** True if the end of the connection is the end of this body. */
  get endsWithConnection(): boolean {
    return this.#kind === "until_close";
  }

  get trailers(): Fields | null {
    return this.#chunked?.trailers ?? null;
  }

  /** What must still come; null if only the end tells. */
  get remainingBytes(): number | null {
    return this.#kind === "length" ? this.#remainingBytes : null;
  }

  get heldBytes(): number {
    return this.#chunked?.heldBytes ?? 0;
  }

  /**
   * Takes bytes from `at` on until it has a `payload`, is done or the piece is used up.
   * @returns the offset behind the last byte taken
   * @throws {Http1Violation}
   */
  decode(piece: Uint8Array, at: number): number {
    if (this.#chunked !== null) {
      const end = this.#chunked.decode(piece, at);
      this.payload = this.#chunked.payload;
      return end;
    }
    const wanted = this.#kind === "length" ? this.#remainingBytes : piece.length;
    const end = Math.min(piece.length, at + wanted);
    this.#remainingBytes -= end - at;
    this.payload = end === at ? null : at === 0 && end === piece.length ? piece : piece.subarray(at, end);
    return end;
  }
}
