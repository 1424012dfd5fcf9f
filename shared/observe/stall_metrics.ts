import type { Registry } from "prom-client";
import { addScrapedCounter, addScrapedGauge } from "./scraped_metric.ts";

/** Counts by hop, as a `StallWatch` keeps them. */
export interface StallSource {
  readonly stalls: ReadonlyMap<string, number>;
  readonly stalledNow: ReadonlyMap<string, number>;
}

export interface StallMetrics {
  /** Says where a scrape reads; replaces what was said before. */
  setSource(source: StallSource): void;
}

export function addStallMetrics(registry: Registry): StallMetrics {
  let source: StallSource = { stalls: new Map(), stalledNow: new Map() };
  const labelNames = ["hop"] as const;
  addScrapedCounter(registry, {
    name: "lowu_stalls_total",
    help: "Times that an exchange stopped for ten seconds, by the hop that held it up.",
    labelNames,
    read: () => Array.from(source.stalls, ([hop, count]) => [{ hop }, count] as const),
  });
  addScrapedGauge(registry, {
    name: "lowu_stalled_exchanges",
    help: "Exchanges that are stalled now, by the hop that holds them up.",
    labelNames,
    read: () => Array.from(source.stalledNow, ([hop, count]) => [{ hop }, count] as const),
  });
  return { setSource: (given) => void (source = given) };
}
