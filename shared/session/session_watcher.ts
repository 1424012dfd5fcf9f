import type { Logger } from "../observe/logger.ts";
import type { PeerReading } from "../observe/tunnel_reading.ts";
import type { LaneDriver } from "./lane_driver.ts";
import { PeerRecord } from "./peer_record.ts";
import type { SessionDriver, SessionNotice } from "./session_driver.ts";

interface WatchedSession {
  readonly peer: string;
  readonly record: PeerRecord;
  /** Its last lane closed, and none has been seen since. */
  isCutOff: boolean;
}

/** Follows every session of a node: keeps its figures for the metrics, and logs which lane carries it and why. */
export class SessionWatcher {
  readonly #log: Logger;
  /** By name; names come from the configuration. */
  readonly #records = new Map<string, PeerRecord>();
  readonly #sessions = new Map<SessionDriver, WatchedSession>();

  constructor({ log }: { log: Logger }) {
    this.#log = log;
  }

  /** A session has begun; it is followed until its last connection is closed. */
  follow(driver: SessionDriver, { peer }: { peer: string }): void {
    const record = this.#records.get(peer) ?? new PeerRecord(peer);
    this.#records.set(peer, record);
    record.sessionBegan(driver);
    this.#sessions.set(driver, { peer, record, isCutOff: false });
    void driver.gone.then(() => {
      this.#sessions.delete(driver);
      record.sessionGone(driver);
    });
  }

  /** For `SessionDriverOptions.onLaneClosed`. */
  laneClosed(driver: SessionDriver, lane: LaneDriver): void {
    const watched = this.#sessions.get(driver);
    if (watched === undefined) return;
    // A lane that closes was there: had all been gone before it, the session went on over it.
    if (watched.isCutOff) watched.record.resumed();
    watched.record.laneClosed(lane);
    watched.isCutOff = driver.laneCount === 0;
  }

  /** For `SessionDriverOptions.onNotice`. */
  noticed(driver: SessionDriver, notice: SessionNotice): void {
    const watched = this.#sessions.get(driver);
    if (watched === undefined) return;
    const { peer, record } = watched;
    if (notice.kind === "redundancy") {
      const { copiesPerFrame, lossShare } = notice;
      return this.#log.info("redundancy_changed", { peer, copiesPerFrame, lossShare });
    }
    const { log, lane, cause, transport } = notice;
    record.carrierChanged(log, cause);
    this.#log.info("carrier_changed", { peer, log, cause, lane: record.slotOf(lane), transport });
  }

  /** For `TunnelMetrics.setSource`. */
  read(): PeerReading[] {
    for (const [driver, watched] of this.#sessions) {
      if (!watched.isCutOff || driver.laneCount === 0) continue;
      watched.isCutOff = false;
      watched.record.resumed();
    }
    return Array.from(this.#records.values(), (record) => record.read());
  }
}
