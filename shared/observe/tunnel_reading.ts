/** What a scrape sees of the tunnel, in plain numbers. */
import type { LogName } from "../tunnel/carried_log.ts";
import type { SessionStats } from "../tunnel/session.ts";
import type { CarrierCause } from "../tunnel/session_event.ts";

/** A lane that is there now. */
export interface LaneReading {
  /** Its slot: the smallest number that no other lane to this peer has, used again when it is gone. */
  readonly slot: string;
  readonly transport: string;
  /** What it sends, or why it sends nothing. */
  readonly state: "tokens" | "bulk" | "both" | "standby" | "stalled";
  /** null: not measured yet. */
  readonly roundTripMs: number | null;
  /** Of our datagrams, 0 to 1; null: not measured. */
  readonly lossShare: number | null;
}

/** A session that is there now. */
export interface SessionReading {
  readonly state: "open" | "draining";
  readonly openStreams: number;
  /** Bytes sent and not yet acknowledged. */
  readonly retainedBytes: number;
  /** Bytes that streams hold for want of credit or of room on a lane. */
  readonly heldBytes: number;
  /** Copies that each small frame gets; 0: none. */
  readonly copiesPerFrame: number;
}

/** What lanes counted since they were opened. */
export interface LaneCounts {
  readonly sentBytes: number;
  readonly receivedBytes: number;
  readonly sentDatagrams: number;
  readonly receivedDatagrams: number;
  readonly stalls: number;
}

/** All lanes that have been in a slot over one transport, those of now included. */
export interface LaneTotals extends LaneCounts {
  readonly slot: string;
  readonly transport: string;
  readonly openedLanes: number;
  readonly closedLanes: number;
}

export interface CarrierChanges {
  readonly log: LogName;
  readonly cause: CarrierCause;
  readonly count: number;
}

/** Another node, as a scrape reads it: what is there now, and what has been counted since the node's start. */
export interface PeerReading {
  /** Name of the other node, from the configuration. */
  readonly peer: string;
  readonly sessions: readonly SessionReading[];
  readonly lanes: readonly LaneReading[];
  /** None of these ever falls: what has ended stays in them. */
  readonly totals: {
    readonly openedSessions: number;
    readonly session: SessionStats;
    readonly lanes: readonly LaneTotals[];
    readonly carrierChanges: readonly CarrierChanges[];
    /** Times that a log, or a session without a lane, went on over another lane than one that closed or was silent. */
    readonly resumes: number;
  };
}
