import type { Lane } from "./lane.ts";
import type { SessionEvent } from "./session_event.ts";
import type { SessionLimits } from "./session_limits.ts";
import type { SessionStream } from "./session_stream.ts";

export type SessionState = "open" | "draining" | "ended";

export interface SessionOptions {
  role: "edge" | "core";
  limits: SessionLimits;
  now: number;
}

export interface SessionStats {
  framesResent: number;
  bytesResent: number;
  duplicatesDropped: number;
  laneSwitches: number;
}

/** STUB: signatures are final, the bodies come. */
export class Session<T> {
  /**
   * Called when events appear outside of `receive`, `handleTimeout` and `closed` (after those the driver drains anyway);
   * must not call back into the session: it schedules a drain.
   */
  onEvent: (() => void) | null = null;
  /** Called when the next time-out may have moved earlier outside of those calls; must not call back. */
  onTimeoutChange: (() => void) | null = null;
  constructor(_options: SessionOptions) {}
  /** Adds a connection whose handshake is done; null when `maxLanes` are attached or the session has ended. */
  attachLane(_now: number): Lane | null {
    throw new Error("stub");
  }
  /** Edge only; null when draining, ended, at `maxStreams`, or when too much waits (back-pressure). */
  openStream(_head: Uint8Array, _owner: T): SessionStream<T> | null {
    throw new Error("stub");
  }
  nextEvent(): SessionEvent<T> | null {
    throw new Error("stub");
  }
  nextTimeout(): number | null {
    throw new Error("stub");
  }
  handleTimeout(_now: number): void {}
  /** No new streams; the session ends with event `closed` when the live ones have. */
  goaway(_reason: number): void {}
  /** Ends the session now: CLOSE on every lane, live streams get `reset`. */
  close(_now: number): void {}
  get state(): SessionState {
    throw new Error("stub");
  }
  get streamCount(): number {
    throw new Error("stub");
  }
  get laneCount(): number {
    throw new Error("stub");
  }
  get retainedBytes(): number {
    throw new Error("stub");
  }
  get heldBytes(): number {
    throw new Error("stub");
  }
  get reorderBytes(): number {
    throw new Error("stub");
  }
  get stats(): Readonly<SessionStats> {
    throw new Error("stub");
  }
}
