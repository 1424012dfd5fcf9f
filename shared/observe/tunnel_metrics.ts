import type { Registry } from "prom-client";
import { addScrapedCounter, addScrapedGauge } from "./scraped_metric.ts";

export interface LaneReading {
  /** Unique within its session while both live, from a bounded set of names. */
  readonly lane: string;
  readonly transport: string;
  readonly state: string;
  /** null: not measured yet. */
  readonly roundTripMs: number | null;
  readonly sentBytes: number;
  readonly receivedBytes: number;
}

/** A session at this moment, as its owner reads it for a scrape. */
export interface SessionReading {
  /** Name of the other node. */
  readonly peer: string;
  readonly state: string;
  readonly openStreams: number;
  /** Bytes sent and not yet acknowledged. */
  readonly retainedBytes: number;
  /** Lanes opened in place of lost ones. */
  readonly reconnects: number;
  /** Times that streams went on over another lane. */
  readonly resumes: number;
  readonly lanes: readonly LaneReading[];
}

export interface TunnelMetrics {
  /** Says where a scrape reads sessions from; replaces what was said before. */
  setSource(read: () => readonly SessionReading[]): void;
  /** Bytes of all lanes in both directions. */
  readBytes(): number;
}

export function addTunnelMetrics(registry: Registry): TunnelMetrics {
  let read: () => readonly SessionReading[] = () => [];
  addSessionMetrics(registry, () => read());
  addLaneMetrics(registry, () => read());
  return {
    setSource: (source) => void (read = source),
    readBytes: () =>
      read().flatMap(({ lanes }) => lanes).reduce(
        (sum, lane) => sum + lane.sentBytes + lane.receivedBytes,
        0,
      ),
  };
}

function addSessionMetrics(registry: Registry, read: () => readonly SessionReading[]): void {
  const labelNames = ["peer"] as const;
  const samples = (value: (session: SessionReading) => number) => () =>
    read().map((session) => [{ peer: session.peer }, value(session)] as const);
  addScrapedGauge(registry, {
    name: "lowu_tunnel_sessions",
    help: "Sessions by state.",
    labelNames: ["peer", "state"] as const,
    read: () => read().map(({ peer, state }) => [{ peer, state }, 1] as const),
  });
  addScrapedGauge(registry, {
    name: "lowu_tunnel_streams_active",
    help: "Streams open in a session.",
    labelNames,
    read: samples((session) => session.openStreams),
  });
  addScrapedGauge(registry, {
    name: "lowu_tunnel_retained_bytes",
    help: "Bytes kept until the peer acknowledges them.",
    labelNames,
    read: samples((session) => session.retainedBytes),
  });
  addScrapedCounter(registry, {
    name: "lowu_tunnel_reconnects_total",
    help: "Lanes opened in place of lost ones.",
    labelNames,
    read: samples((session) => session.reconnects),
  });
  addScrapedCounter(registry, {
    name: "lowu_tunnel_resumes_total",
    help: "Times that streams went on over another lane.",
    labelNames,
    read: samples((session) => session.resumes),
  });
}

function addLaneMetrics(registry: Registry, read: () => readonly SessionReading[]): void {
  const labelNames = ["peer", "lane", "transport"] as const;
  const samples = (value: (lane: LaneReading) => number) => () =>
    read().flatMap(({ peer, lanes }) =>
      lanes.map((lane) => [{ peer, lane: lane.lane, transport: lane.transport }, value(lane)] as const)
    );
  addScrapedGauge(registry, {
    name: "lowu_tunnel_lanes",
    help: "Lanes by state.",
    labelNames: ["peer", "transport", "state"] as const,
    read: () =>
      read().flatMap(({ peer, lanes }) =>
        lanes.map(({ transport, state }) => [{ peer, transport, state }, 1] as const)
      ),
  });
  addScrapedGauge(registry, {
    name: "lowu_tunnel_round_trip_seconds",
    help: "Round trip of a lane as last measured.",
    labelNames,
    read: samples((lane) => lane.roundTripMs === null ? NaN : lane.roundTripMs / 1000),
  });
  addScrapedCounter(registry, {
    name: "lowu_tunnel_sent_bytes_total",
    help: "Bytes sent on a lane.",
    labelNames,
    read: samples((lane) => lane.sentBytes),
  });
  addScrapedCounter(registry, {
    name: "lowu_tunnel_received_bytes_total",
    help: "Bytes received on a lane.",
    labelNames,
    read: samples((lane) => lane.receivedBytes),
  });
}
