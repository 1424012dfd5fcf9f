/**
 * Credit that one direction of a stream grants its sender, in units: bytes of payload, plus one for each frame.
 *
 * Invariant: `limit - consumed <= window`, so that what waits for the user is never more than the window. The limit is
 * raised in steps of half a window at least, which makes CREDIT rare; the remaining half still holds the largest head.
 */
export class ReceiveWindow {
  readonly #windowUnits: number;
  #limit: number;
  #consumed = 0;

  constructor(windowUnits: number) {
    this.#windowUnits = windowUnits;
    this.#limit = windowUnits;
  }

  /** Units that the sender may reach in all; the last number that was advertised. */
  get limit(): number {
    return this.#limit;
  }

  get consumedUnits(): number {
    return this.#consumed;
  }

  /** Counts units as gone; returns the new limit to advertise, or null while the step is too small. */
  consume(units: number): number | null {
    this.#consumed += units;
    const limit = this.#consumed + this.#windowUnits;
    if (limit - this.#limit < this.#windowUnits / 2) return null;
    this.#limit = limit;
    return limit;
  }
}
