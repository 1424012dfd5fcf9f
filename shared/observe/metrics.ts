/**
 * The metrics of a node, in Prometheus' text format.
 *
 * What the byte path counts, it counts in plain integers of its own; a scrape reads them through the sources given
 * here. prom-client is called once an exchange or connection at most, never for a chunk.
 */
import { Registry } from "prom-client";
import { addConnectionMetrics, type ConnectionMetrics } from "./connection_metrics.ts";
import { addExchangeMetrics, type ExchangeMetrics } from "./exchange_metrics.ts";
import { addLimiterMetrics, type LimiterMetrics } from "./limiter_metrics.ts";
import { addOriginMetrics, type OriginMetrics } from "./origin_metrics.ts";
import { addProcessMetrics } from "./process_metrics.ts";
import { addStallMetrics, type StallMetrics } from "./stall_metrics.ts";
import { addTrafficMetrics, type TrafficMetrics } from "./traffic_metrics.ts";
import { addTunnelGateMetrics, type TunnelGateMetrics } from "./tunnel_gate_metrics.ts";
import { addTunnelMetrics, type TunnelMetrics } from "./tunnel_metrics.ts";

export interface Metrics {
  readonly connections: ConnectionMetrics;
  readonly exchanges: ExchangeMetrics;
  readonly tunnel: TunnelMetrics;
  readonly tunnelGate: TunnelGateMetrics;
  readonly stalls: StallMetrics;
  readonly limiter: LimiterMetrics;
  readonly origins: OriginMetrics;
  readonly traffic: TrafficMetrics;
  /** All metrics as text; `contentType` goes with it. */
  scrape(): Promise<string>;
  readonly contentType: string;
  /** Stops the timers. */
  close(): void;
}

export interface MetricsOptions {
  /** Label `node` of every metric. */
  node: "edge" | "core";
}

export function createMetrics(options: MetricsOptions): Metrics {
  const registry = new Registry();
  registry.setDefaultLabels({ node: options.node });
  const connections = addConnectionMetrics(registry);
  const tunnel = addTunnelMetrics(registry);
  const traffic = addTrafficMetrics(
    registry,
    options.node === "edge" ? connections.readBytes : tunnel.readBytes,
  );
  const processMetrics = addProcessMetrics(registry);
  return {
    connections,
    exchanges: addExchangeMetrics(registry),
    tunnel,
    tunnelGate: addTunnelGateMetrics(registry),
    stalls: addStallMetrics(registry),
    traffic,
    limiter: addLimiterMetrics(registry),
    origins: addOriginMetrics(registry),
    scrape: () => registry.metrics(),
    contentType: registry.contentType,
    close() {
      traffic.close();
      processMetrics.close();
    },
  };
}
