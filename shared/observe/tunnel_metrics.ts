import type { Registry } from "prom-client";
import { addScrapedCounter, addScrapedGauge } from "./scraped_metric.ts";
import type { PeerReading, SessionReading } from "./tunnel_reading.ts";
import { addLaneMetrics } from "./lane_metrics.ts";

export interface TunnelMetrics {
  /** Says where a scrape reads the other nodes from; replaces what was said before. */
  setSource(read: () => readonly PeerReading[]): void;
  /** Bytes of all lanes in both directions since the start, without datagrams. */
  readBytes(): number;
}

export function addTunnelMetrics(registry: Registry): TunnelMetrics {
  let read: () => readonly PeerReading[] = () => [];
  const readPeers = () => read();
  addSessionMetrics(registry, readPeers);
  addSessionTotals(registry, readPeers);
  addLaneMetrics(registry, readPeers);
  return {
    setSource: (source) => void (read = source),
    readBytes: () =>
      read().flatMap(({ totals }) => totals.lanes).reduce(
        (sum, lane) => sum + lane.sentBytes + lane.receivedBytes,
        0,
      ),
  };
}

function addSessionMetrics(registry: Registry, read: () => readonly PeerReading[]): void {
  const gauge = (name: string, help: string, value: (sessions: readonly SessionReading[]) => number) =>
    addScrapedGauge(registry, {
      name,
      help,
      labelNames: ["peer"] as const,
      read: () => read().map(({ peer, sessions }) => [{ peer }, value(sessions)] as const),
    });
  addScrapedGauge(registry, {
    name: "lowu_tunnel_sessions",
    help: "Sessions by state.",
    labelNames: ["peer", "state"] as const,
    read: () =>
      read().flatMap(({ peer, sessions }) => [
        [{ peer, state: "open" }, sessions.filter(({ state }) => state === "open").length] as const,
        [{ peer, state: "draining" }, sessions.filter(({ state }) => state === "draining").length] as const,
      ]),
  });
  gauge("lowu_tunnel_streams_active", "Streams open in sessions.", sumOf("openStreams"));
  gauge(
    "lowu_tunnel_retained_bytes",
    "Bytes kept until the peer acknowledges them.",
    sumOf("retainedBytes"),
  );
  gauge(
    "lowu_tunnel_held_bytes",
    "Bytes that streams hold for want of credit or of room on a lane.",
    sumOf("heldBytes"),
  );
  gauge(
    "lowu_tunnel_copies_per_frame",
    "Copies that each small frame gets now; of several sessions the most.",
    (sessions) => Math.max(0, ...sessions.map((session) => session.copiesPerFrame)),
  );
}

function sumOf(field: Exclude<keyof SessionReading, "state">) {
  return (sessions: readonly SessionReading[]) => sessions.reduce((sum, session) => sum + session[field], 0);
}

function addSessionTotals(registry: Registry, read: () => readonly PeerReading[]): void {
  const counter = (name: string, help: string, value: (totals: PeerReading["totals"]) => number) =>
    addScrapedCounter(registry, {
      name,
      help,
      labelNames: ["peer"] as const,
      read: () => read().map(({ peer, totals }) => [{ peer }, value(totals)] as const),
    });
  counter("lowu_tunnel_sessions_opened_total", "Sessions begun.", (totals) => totals.openedSessions);
  counter("lowu_tunnel_streams_total", "Streams opened.", ({ session }) => session.streamsOpened);
  counter(
    "lowu_tunnel_resent_bytes_total",
    "Bytes of frames sent again.",
    ({ session }) => session.bytesResent,
  );
  counter(
    "lowu_tunnel_frames_dropped_total",
    "Frames received and not wanted: sent again, or of a closed stream.",
    ({ session }) => session.framesDropped,
  );
  counter(
    "lowu_tunnel_copies_sent_total",
    "Copies of small frames sent.",
    ({ session }) => session.copiesSent,
  );
  counter("lowu_tunnel_copy_bytes_total", "Bytes of copies sent.", ({ session }) => session.copyBytesSent);
  counter("lowu_tunnel_copies_received_total", "Copies received.", ({ session }) => session.copiesReceived);
  counter(
    "lowu_tunnel_copies_useful_total",
    "Copies received that came before what they are copies of.",
    ({ session }) => session.copiesUseful,
  );
  counter(
    "lowu_tunnel_resumes_total",
    "Times that a log, or a session without a lane, went on over another lane than one that closed or was silent.",
    ({ resumes }) => resumes,
  );
  addScrapedCounter(registry, {
    name: "lowu_tunnel_carrier_changes_total",
    help: "Times that another lane became the carrier of a log, by the cause.",
    labelNames: ["peer", "log", "cause"] as const,
    read: () =>
      read().flatMap(({ peer, totals }) =>
        totals.carrierChanges.map(({ log, cause, count }) => [{ peer, log, cause }, count] as const)
      ),
  });
}
