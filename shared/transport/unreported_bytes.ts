/**
 * Body bytes that were given to a codec and have not been reported as consumed.
 *
 * Invariant: no byte is reported before it has left. Framing waits among the body's bytes, so of what is unwritten
 * nobody knows how much is body: as much as possible is taken to be. Hence a report may lag behind by the framing that
 * waits, and is exact as soon as all output is written. Rejected: a list of what is framing, an entry for each token.
 */
export class UnreportedBytes {
  #bytes = 0;

  /** `bytes` of a body were given to the codec. */
  queued(bytes: number): void {
    this.#bytes += bytes;
  }

  /** Output was written, and `unwrittenBytes` of it remain. Returns the body bytes to report. */
  written(unwrittenBytes: number): number {
    const reported = this.#bytes - Math.min(this.#bytes, unwrittenBytes);
    this.#bytes -= reported;
    return reported;
  }

  /** What remains will never be written: returns it. */
  forget(): number {
    return this.written(0);
  }
}
