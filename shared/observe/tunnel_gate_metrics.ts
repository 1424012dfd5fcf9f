import type { Registry } from "prom-client";
import { addScrapedCounter, addScrapedGauge, single } from "./scraped_metric.ts";

/** Counts by outcome, as their owner keeps them: a fixed set of outcomes. */
export type Outcomes = Readonly<Record<string, number>>;

/** What a scrape asks of the gates of the tunnel; a node leaves out what it does not have. */
export interface TunnelGateSource {
  /** Core: lane handshakes by how they ended. */
  handshakes?(): Outcomes;
  /** Core: connections that reached a lane listener, by transport and what became of them. */
  laneListeners?(): readonly { readonly transport: string; readonly outcomes: Outcomes }[];
  /** Edge: attempts to open a lane, by outcome. */
  dials?(): Outcomes;
  /** Edge: requests that wait for the tunnel. */
  waitingRequests?(): number;
  /** Edge: the latest probe through the tunnel and back; null: not answered. */
  probeMs?(): number | null;
}

export interface TunnelGateMetrics {
  /** Says where a scrape reads; replaces what was said before. */
  setSource(source: TunnelGateSource): void;
}

/** Who comes in, who is turned away, who waits. */
export function addTunnelGateMetrics(registry: Registry): TunnelGateMetrics {
  let source: TunnelGateSource = {};
  const outcome = ["outcome"] as const;
  const samples = (outcomes: Outcomes | undefined) =>
    Object.entries(outcomes ?? {}).map(([name, count]) => [{ outcome: name }, count] as const);
  addScrapedCounter(registry, {
    name: "lowu_tunnel_handshakes_total",
    help: "Lane handshakes by how they ended.",
    labelNames: outcome,
    read: () => samples(source.handshakes?.()),
  });
  addScrapedCounter(registry, {
    name: "lowu_tunnel_listener_connections_total",
    help: "Connections that reached a lane listener, by what became of them.",
    labelNames: ["transport", "outcome"] as const,
    read: () =>
      (source.laneListeners?.() ?? []).flatMap(({ transport, outcomes }) =>
        Object.entries(outcomes).map(([name, count]) => [{ transport, outcome: name }, count] as const)
      ),
  });
  addScrapedCounter(registry, {
    name: "lowu_tunnel_dials_total",
    help: "Attempts to open a lane to the core, by outcome.",
    labelNames: outcome,
    read: () => samples(source.dials?.()),
  });
  addScrapedGauge(registry, {
    name: "lowu_tunnel_waiting_requests",
    help: "Requests that wait for the tunnel.",
    labelNames: [],
    read: () => single(source.waitingRequests?.() ?? 0),
  });
  addScrapedGauge(registry, {
    name: "lowu_tunnel_probe_seconds",
    help: "The latest probe through the tunnel to the core and back; NaN: not answered.",
    labelNames: [],
    read: () => single((source.probeMs?.() ?? NaN) / 1000),
  });
  return { setSource: (given) => void (source = given) };
}
