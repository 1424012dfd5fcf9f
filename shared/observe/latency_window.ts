const CAPACITY = 4096;

/** Quantiles of what was measured within the last minute, of the last 4096 measurements at most. */
export class LatencyWindow {
  readonly #values = new Float64Array(CAPACITY);
  readonly #times = new Float64Array(CAPACITY).fill(-Infinity);
  #next = 0;

  /** @param now milliseconds, never falling */
  record(value: number, now: number): void {
    this.#values[this.#next] = value;
    this.#times[this.#next] = now;
    this.#next = (this.#next + 1) % CAPACITY;
  }

  /** The values at `quantiles` (0 to 1, nearest rank); NaN each if nothing was measured. */
  quantiles(quantiles: readonly number[], now: number): number[] {
    const recent = this.#values.filter((_, i) => (this.#times[i] ?? 0) > now - WINDOW_MS).sort();
    return quantiles.map((quantile) => recent[Math.max(0, Math.ceil(quantile * recent.length) - 1)] ?? NaN);
  }
}

const WINDOW_MS = 60_000;
