/** Counts observations under fixed upper bounds, as a Prometheus histogram does. */
export class Histogram {
  readonly #bounds: readonly number[];
  readonly #counts: number[];
  #sum = 0;

  /** @param bounds upper bounds, ascending; the bucket without a bound is added */
  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.#counts = new Array<number>(bounds.length + 1).fill(0);
  }

  observe(value: number): void {
    const bounds = this.#bounds;
    let bucket = 0;
    while (bucket < bounds.length && value > (bounds[bucket] ?? 0)) bucket++;
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
    this.#sum += value;
  }

  get sum(): number {
    return this.#sum;
  }

  /** Cumulative counts by upper bound, the last one being `+Inf`. */
  *buckets(): IterableIterator<[bound: string, cumulativeCount: number]> {
    let cumulative = 0;
    for (const [bucket, count] of this.#counts.entries()) {
      cumulative += count;
      const bound = this.#bounds[bucket];
      yield [
        bound === undefined ? "+Inf" : Number.isInteger(bound) ? bound.toFixed(1) : String(bound),
        cumulative,
      ];
    }
  }
}
