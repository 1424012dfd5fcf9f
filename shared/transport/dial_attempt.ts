import type { LaneConnection } from "./lane_connection.ts";

/** One try at one address. */
export interface DialAttempt {
  readonly ready: Promise<LaneConnection>;
  /** Gives up an attempt that is not ready: frees what is behind it, now or as soon as the runtime lets go. */
  abandon(): void;
}
