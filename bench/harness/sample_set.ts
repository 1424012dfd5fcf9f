import { spreadText } from "./number_text.ts";
import { median, type Spread, spreadOf } from "./statistics.ts";

/** One measurement: which relay, in which round, and numbers by name. */
export type Sample = Readonly<Record<string, string | number>> & {
  readonly relay: string;
  readonly round: number;
};

/** The samples behind one table: a row for each relay, a cell for what its rounds say. */
export class SampleSet {
  readonly #samples: readonly Sample[];

  constructor(samples: readonly Sample[]) {
    this.#samples = samples;
  }

  /** In the order in which they were first measured. */
  get relays(): string[] {
    return [...new Set(this.#samples.map(({ relay }) => relay))];
  }

  /** NaN if the relay was not measured. */
  median(relay: string, column: string): number {
    const values = this.#values(relay, column);
    return values.length === 0 ? NaN : median(values);
  }

  /** @throws {RangeError} if the relay was not measured */
  spread(relay: string, column: string): Spread {
    return spreadOf(this.#values(relay, column));
  }

  /** The median with the smallest and the largest round in brackets. */
  spreadText(relay: string, column: string): string {
    return spreadText(this.spread(relay, column));
  }

  #values(relay: string, column: string): number[] {
    return this.#samples.filter((sample) => sample.relay === relay).map((sample) => Number(sample[column]));
  }
}
