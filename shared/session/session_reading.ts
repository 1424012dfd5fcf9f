import type { SessionReading } from "../observe/tunnel_metrics.ts";
import type { SessionDriver } from "./session_driver.ts";

/** A session as a scrape of the metrics sees it. */
export function readSession(
  driver: SessionDriver,
  { peer, reconnects }: { peer: string; reconnects: number },
): SessionReading {
  const { session } = driver;
  return {
    peer,
    state: session.state,
    openStreams: session.streamCount,
    retainedBytes: session.retainedBytes,
    reconnects,
    resumes: session.stats.laneSwitches,
    lanes: [...driver.lanes].map((lane, index) => ({
      lane: String(index),
      transport: lane.transport,
      state: lane.lane.isActive ? "active" : "standby",
      roundTripMs: lane.lane.roundTripMs,
      sentBytes: lane.sentBytes,
      receivedBytes: lane.receivedBytes,
    })),
  };
}
