import type { Registry } from "prom-client";
import { addScrapedCounter, addScrapedGauge, single } from "./scraped_metric.ts";
import { SlidingRate } from "./sliding_rate.ts";

export interface TrafficMetrics {
  /** Tokens seen in answers: whichever step counts them adds to it. */
  tokens: number;
  /** Times that an answer was made to pause for a slow client. */
  pauses: number;
  close(): void;
}

const SAMPLE_INTERVAL_MS = 1000;

/**
 * Seed names: Throughput, TokenPerSecond. Rates over ten seconds, for readers that cannot ask for `rate()`.
 * @param readBytes bytes that have passed the node so far
 */
export function addTrafficMetrics(registry: Registry, readBytes: () => number): TrafficMetrics {
  const throughput = new SlidingRate();
  const tokenRate = new SlidingRate();
  const sample = () => {
    const now = performance.now();
    throughput.sample(readBytes(), now);
    tokenRate.sample(metrics.tokens, now);
  };
  const timer = setInterval(sample, SAMPLE_INTERVAL_MS);
  Deno.unrefTimer(timer);
  const metrics: TrafficMetrics = { tokens: 0, pauses: 0, close: () => clearInterval(timer) };
  sample();
  addScrapedGauge(registry, {
    name: "lowu_throughput_bytes_per_second",
    help: "Bytes in both directions: of clients on an edge, of the tunnel on a core.",
    read: () => single(throughput.perSecond),
  });
  addScrapedCounter(registry, {
    name: "lowu_tokens_total",
    help: "Events of event streams: on most engines a token each.",
    read: () => single(metrics.tokens),
  });
  addScrapedCounter(registry, {
    name: "lowu_backpressure_pauses_total",
    help: "Times that an answer was made to pause because its client read too slowly.",
    read: () => single(metrics.pauses),
  });
  addScrapedGauge(registry, {
    name: "lowu_tokens_per_second",
    help: "Events of event streams, over the last ten seconds.",
    read: () => single(tokenRate.perSecond),
  });
  return metrics;
}
