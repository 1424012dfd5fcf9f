/**
 * Body bytes that were given to a codec and have not left the process: what `…Consumed` must still report.
 *
 * Framing goes out between the body's bytes, so a written chunk may report that many body bytes early; the sum is
 * exact as soon as all output is written.
 */
export class UnreportedBytes {
  #bytes = 0;

  /** `bytes` of a body were given to the codec. */
  queued(bytes: number): void {
    this.#bytes += bytes;
  }

  /** A chunk of `length` bytes was written; `isAllOut`: nothing else waits. Returns the body bytes to report. */
  written(length: number, isAllOut: boolean): number {
    const reported = isAllOut ? this.#bytes : Math.min(length, this.#bytes);
    this.#bytes -= reported;
    return reported;
  }

  /** The body's exchange is over: nobody wants to know any more. */
  forget(): void {
    this.#bytes = 0;
  }
}
