import type { Http2Stream } from "./http2_stream.ts";

/** Told entries at the front of the arrays before the rest is moved. */
const FORGOTTEN_AT_ONCE = 1024;

/**
 * Which body bytes lie where in the output, so that each stream's sender is told exactly when its bytes were written.
 * Bounded by the output: one entry for each DATA frame in it.
 */
export class SentLedger<Owner> {
  #streams: Http2Stream<Owner>[] = [];
  #bytes: number[] = [];
  /** Output offsets behind each frame. */
  #ends: number[] = [];
  #first = 0;
  #written = 0;
  #unreported: Http2Stream<Owner>[] = [];

  /** DATA frames framed and not yet written. */
  get length(): number {
    return this.#ends.length - this.#first;
  }

  add(stream: Http2Stream<Owner>, frame: { bytes: number; endOffset: number }): void {
    if (frame.bytes === 0) return;
    this.#streams.push(stream);
    this.#bytes.push(frame.bytes);
    this.#ends.push(frame.endOffset);
  }

  /** The next `bytes` of output have been written. */
  written(bytes: number): void {
    this.#written += bytes;
    let at = this.#first;
    for (; at < this.#ends.length && (this.#ends[at] ?? 0) <= this.#written; at++) {
      const stream = this.#streams[at];
      if (stream === undefined) continue;
      if (stream.unreportedBytes === 0) this.#unreported.push(stream);
      stream.unreportedBytes += this.#bytes[at] ?? 0;
    }
    this.#first = at;
    if (at === this.#ends.length || at >= FORGOTTEN_AT_ONCE) this.#forget(at);
  }

  /** The next stream with written bytes, and takes the count off it; null: all told. */
  next(): { stream: Http2Stream<Owner>; bytes: number } | null {
    const stream = this.#unreported.pop();
    if (stream === undefined) return null;
    const bytes = stream.unreportedBytes;
    stream.unreportedBytes = 0;
    return { stream, bytes };
  }

  clear(): void {
    this.#forget(this.#ends.length);
    this.#unreported = [];
  }

  #forget(count: number): void {
    this.#streams.splice(0, count);
    this.#bytes.splice(0, count);
    this.#ends.splice(0, count);
    this.#first = 0;
  }
}
