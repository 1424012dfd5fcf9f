/** Units a second over the last ten seconds of a count that only grows. */
export class SlidingRate {
  readonly #times: number[] = [];
  readonly #counts: number[] = [];

  /** Notes the count; to be called about once a second. @param now milliseconds */
  sample(count: number, now: number): void {
    this.#times.push(now);
    this.#counts.push(count);
    if (this.#times.length <= WINDOW_SAMPLES) return;
    this.#times.shift();
    this.#counts.shift();
  }

  get perSecond(): number {
    const last = this.#times.length - 1;
    const elapsedMs = (this.#times[last] ?? 0) - (this.#times[0] ?? 0);
    return elapsedMs <= 0 ? 0 : ((this.#counts[last] ?? 0) - (this.#counts[0] ?? 0)) * 1000 / elapsedMs;
  }
}

const WINDOW_SAMPLES = 11;
