import type { Registry } from "prom-client";
import { addScrapedGauge } from "./scraped_metric.ts";

/** Connections to one endpoint of an origin at this moment. */
export interface OriginReading {
  readonly origin: string;
  readonly endpoint: string;
  readonly openConnections: number;
}

export interface OriginMetrics {
  /** Says where a scrape reads origins from; replaces what was said before. */
  setSource(read: () => Iterable<OriginReading>): void;
}

export function addOriginMetrics(registry: Registry): OriginMetrics {
  let read: () => Iterable<OriginReading> = () => [];
  addScrapedGauge(registry, {
    name: "lowu_origin_connections_active",
    help: "Connections open to an origin's endpoint.",
    labelNames: ["origin", "endpoint"] as const,
    read: () =>
      Array.from(
        read(),
        (one) => [{ origin: one.origin, endpoint: one.endpoint }, one.openConnections] as const,
      ),
  });
  return { setSource: (source) => void (read = source) };
}
