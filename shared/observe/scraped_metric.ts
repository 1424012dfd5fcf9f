import { Counter, Gauge, type Registry } from "prom-client";

/** One value with the labels it stands under. */
export type Sample<L extends string> = readonly [labels: Record<L, string>, value: number];

export interface ScrapedMetricOptions<L extends string> {
  /** Whole name, with unit, and `_total` for a counter. */
  name: string;
  help: string;
  /** Must come from a bounded set each. @default [] */
  labelNames?: readonly L[];
  /** The current values; for a counter they never fall while a source lives. */
  read(): Iterable<Sample<L>>;
}

/** A gauge whose values are read when a scrape asks. */
export function addScrapedGauge<L extends string = never>(
  registry: Registry,
  options: ScrapedMetricOptions<L>,
): void {
  new Gauge<L>({
    name: options.name,
    help: options.help,
    labelNames: [...options.labelNames ?? []],
    registers: [registry],
    collect() {
      this.reset();
      for (const [labels, value] of options.read()) this.inc(labels, value);
    },
  });
}

/** A counter whose values are counted elsewhere and read when a scrape asks. */
export function addScrapedCounter<L extends string = never>(
  registry: Registry,
  options: ScrapedMetricOptions<L>,
): void {
  new Counter<L>({
    name: options.name,
    help: options.help,
    labelNames: [...options.labelNames ?? []],
    registers: [registry],
    collect() {
      this.reset();
      for (const [labels, value] of options.read()) this.inc(labels, value);
    },
  });
}

/** An unlabelled value as the one sample of its metric. */
export function single(value: number): Sample<never>[] {
  return [[{}, value]];
}
