/**
 * Log lines about refused lanes, few enough to read: an edge that asks a draining core again and again, or a flood of
 * junk, makes one line for each cause every ten seconds; the next one tells how many had none.
 */
import type { Clock } from "../clock/clock.ts";
import type { Logger } from "../observe/logger.ts";
import type { LaneRefusal } from "./handshake_tally.ts";

const QUIET_MS = 10_000;

export interface RefusedPeer {
  readonly reason: LaneRefusal;
  /** Null unless its proof held: names that anybody may claim are not kept here. */
  readonly edge: string | null;
  readonly remoteAddress: string;
}

interface Cause {
  loggedAt: number;
  /** Since the latest line. */
  unlogged: number;
}

export class RefusalLog {
  readonly #log: Logger;
  readonly #clock: Clock;
  /** By reason and edge: both from closed sets. */
  readonly #causes = new Map<string, Cause>();

  constructor({ log, clock }: { log: Logger; clock: Clock }) {
    this.#log = log;
    this.#clock = clock;
  }

  refused({ reason, edge, remoteAddress }: RefusedPeer): void {
    const now = this.#clock.now();
    const key = `${reason} ${edge ?? ""}`;
    const cause = this.#causes.get(key) ?? { loggedAt: Number.NEGATIVE_INFINITY, unlogged: 0 };
    this.#causes.set(key, cause);
    if (now - cause.loggedAt < QUIET_MS) {
      cause.unlogged++;
      return;
    }
    const { unlogged } = cause;
    this.#log.warn("lane_refused", {
      reason,
      ...(edge === null ? {} : { edge }),
      remoteAddress,
      ...(unlogged === 0 ? {} : { unlogged }),
    });
    cause.loggedAt = now;
    cause.unlogged = 0;
  }
}
