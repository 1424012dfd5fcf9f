import type { LaneCounts, LaneReading, SessionReading } from "../observe/tunnel_reading.ts";
import type { LaneDriver } from "./lane_driver.ts";
import type { SessionDriver } from "./session_driver.ts";

/** A session as a scrape of the metrics sees it; null once it has ended. */
export function readSession({ session }: SessionDriver): SessionReading | null {
  if (session.state === "ended") return null;
  return {
    state: session.state,
    openStreams: session.streamCount,
    retainedBytes: session.retainedBytes,
    heldBytes: session.heldBytes,
    copiesPerFrame: session.copiesPerFrame,
  };
}

export function readLane({ lane, transport }: LaneDriver, slot: string): LaneReading {
  return {
    slot,
    transport,
    state: lane.isStalled ? "stalled" : lane.carries === "nothing" ? "standby" : lane.carries,
    roundTripMs: lane.roundTripMs,
    lossShare: lane.lossShare,
  };
}

export function countLane(driver: LaneDriver): LaneCounts {
  return {
    sentBytes: driver.sentBytes,
    receivedBytes: driver.receivedBytes,
    sentDatagrams: driver.datagramsSent,
    receivedDatagrams: driver.datagramsReceived,
    stalls: driver.lane.stalls,
  };
}
