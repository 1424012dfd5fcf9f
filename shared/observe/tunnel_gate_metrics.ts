import type { Registry } from "prom-client";
import { addScrapedCounter, addScrapedGauge, single } from "./scraped_metric.ts";

/** Counts by outcome, as their owner keeps them: a fixed set of outcomes. */
export type Outcomes = Readonly<Record<string, number>>;

/** Attempts to open a lane to another node over one transport, since the start. */
export interface DialReading {
  readonly peer: string;
  readonly transport: string;
  readonly outcomes: Outcomes;
}

/** The latest probe through the tunnel to a core and back. */
export interface ProbeReading {
  readonly peer: string;
  /** null: not answered. */
  readonly roundTripMs: number | null;
}

/** Whether UDP reaches a node that has QUIC addresses. */
export interface UdpReading {
  readonly peer: string;
  readonly isBlocked: boolean;
}

/** What a scrape asks of the gates of the tunnel; a node leaves out what it does not have. */
export interface TunnelGateSource {
  /** Lane handshakes that others began, by how they ended. */
  handshakes?(): Outcomes;
  /** Connections that reached a lane listener, by transport and what became of them. */
  laneListeners?(): readonly { readonly transport: string; readonly outcomes: Outcomes }[];
  /** Attempts to open a lane, by peer and transport: one reading for each pair. */
  laneDials?(): readonly DialReading[];
  /** Peers to which UDP is taken for blocked, or not. */
  udp?(): readonly UdpReading[];
  /** Edge: requests that wait for the tunnel. */
  waitingRequests?(): number;
  /** Edge: by core. */
  probes?(): readonly ProbeReading[];
}

export interface TunnelGateMetrics {
  /** Says where a scrape reads; replaces what was said before. */
  setSource(source: TunnelGateSource): void;
}

/** Who comes in, who is turned away, who waits, and whether the way out is open. */
export function addTunnelGateMetrics(registry: Registry): TunnelGateMetrics {
  let source: TunnelGateSource = {};
  const readSource = () => source;
  addIncomingMetrics(registry, readSource);
  addOutgoingMetrics(registry, readSource);
  return { setSource: (given) => void (source = given) };
}

function addIncomingMetrics(registry: Registry, source: () => TunnelGateSource): void {
  addScrapedCounter(registry, {
    name: "lowu_tunnel_handshakes_total",
    help: "Lane handshakes that others began, by how they ended.",
    labelNames: ["outcome"] as const,
    read: () =>
      Object.entries(source().handshakes?.() ?? {}).map(([outcome, count]) => [{ outcome }, count] as const),
  });
  addScrapedCounter(registry, {
    name: "lowu_tunnel_listener_connections_total",
    help: "Connections that reached a lane listener, by what became of them.",
    labelNames: ["transport", "outcome"] as const,
    read: () =>
      (source().laneListeners?.() ?? []).flatMap(({ transport, outcomes }) =>
        Object.entries(outcomes).map(([outcome, count]) => [{ transport, outcome }, count] as const)
      ),
  });
}

function addOutgoingMetrics(registry: Registry, source: () => TunnelGateSource): void {
  addScrapedCounter(registry, {
    name: "lowu_tunnel_dials_total",
    help: "Attempts to open a lane to another node, by outcome.",
    labelNames: ["peer", "transport", "outcome"] as const,
    read: () =>
      (source().laneDials?.() ?? []).flatMap(({ peer, transport, outcomes }) =>
        Object.entries(outcomes).map(([outcome, count]) => [{ peer, transport, outcome }, count] as const)
      ),
  });
  addScrapedGauge(registry, {
    name: "lowu_tunnel_udp_blocked",
    help: "1 while UDP to the other node is taken for blocked, so that only TCP is dialled.",
    labelNames: ["peer"] as const,
    read: () => (source().udp?.() ?? []).map(({ peer, isBlocked }) => [{ peer }, isBlocked ? 1 : 0] as const),
  });
  addScrapedGauge(registry, {
    name: "lowu_tunnel_waiting_requests",
    help: "Requests that wait for the tunnel.",
    labelNames: [],
    read: () => single(source().waitingRequests?.() ?? 0),
  });
  addScrapedGauge(registry, {
    name: "lowu_tunnel_probe_seconds",
    help: "The latest probe through the tunnel to a core and back; NaN: not answered.",
    labelNames: ["peer"] as const,
    read: () =>
      (source().probes?.() ?? []).map((
        { peer, roundTripMs },
      ) => [{ peer }, roundTripMs === null ? NaN : roundTripMs / 1000] as const),
  });
}
