/**
 * What one other node's sessions and lanes have counted, those that are gone included.
 *
 * Totals never fall: what a lane or a session counted is added to the record when it ends, and a reading adds what those
 * of now have counted. Labels stay few: a lane is named by its slot, and slots are used again, the lowest first.
 */
import type { CarrierChanges, LaneCounts, LaneTotals, PeerReading } from "../observe/tunnel_reading.ts";
import type { LogName } from "../tunnel/carried_log.ts";
import type { Lane } from "../tunnel/lane.ts";
import type { SessionStats } from "../tunnel/session.ts";
import type { CarrierCause } from "../tunnel/session_event.ts";
import type { LaneDriver } from "./lane_driver.ts";
import type { SessionDriver } from "./session_driver.ts";
import { countLane, readLane, readSession } from "./session_reading.ts";

export class PeerRecord {
  readonly #peer: string;
  readonly #sessions = new Set<SessionDriver>();
  /** By slot; null: free. */
  readonly #slots: (Lane | null)[] = [];
  #openedSessions = 0;
  readonly #endedSessions: SessionStats = {
    streamsOpened: 0,
    bytesResent: 0,
    framesDropped: 0,
    carrierChanges: 0,
    copiesSent: 0,
    copyBytesSent: 0,
    copiesReceived: 0,
    copiesUseful: 0,
  };
  /** By slot and transport. */
  readonly #endedLanes = new Map<string, LaneTotals>();
  /** By log and cause. */
  readonly #changes = new Map<string, CarrierChanges>();
  #resumes = 0;

  constructor(peer: string) {
    this.#peer = peer;
  }

  sessionBegan(driver: SessionDriver): void {
    this.#sessions.add(driver);
    this.#openedSessions++;
  }

  /** The session's last connection is closed. */
  sessionGone(driver: SessionDriver): void {
    if (this.#sessions.delete(driver)) addTo(this.#endedSessions, driver.session.stats);
  }

  laneClosed(driver: LaneDriver): void {
    const slot = this.slotOf(driver.lane);
    this.#slots[Number(slot)] = null;
    addLane(this.#endedLanes, { driver, slot, closedLanes: 1 });
  }

  /** Another lane came to carry a log. */
  carrierChanged(log: LogName, cause: CarrierCause): void {
    const key = `${log} ${cause}`;
    this.#changes.set(key, { log, cause, count: (this.#changes.get(key)?.count ?? 0) + 1 });
    if (cause !== "better") this.resumed();
  }

  /** Streams went on over another lane than the one that died or was silent. */
  resumed(): void {
    this.#resumes++;
  }

  /** The slot of a lane that is open, given to it when it is first seen. */
  slotOf(lane: Lane): string {
    const taken = this.#slots.indexOf(lane);
    if (taken >= 0) return String(taken);
    const free = this.#slots.indexOf(null);
    const slot = free >= 0 ? free : this.#slots.length;
    this.#slots[slot] = lane;
    return String(slot);
  }

  read(): PeerReading {
    const lanes = [...this.#sessions].flatMap((driver) => [...driver.lanes]);
    const slotOf = (driver: LaneDriver) => this.slotOf(driver.lane);
    const session = { ...this.#endedSessions };
    for (const driver of this.#sessions) addTo(session, driver.session.stats);
    const laneTotals = new Map(this.#endedLanes);
    for (const driver of lanes) addLane(laneTotals, { driver, slot: slotOf(driver), closedLanes: 0 });
    return {
      peer: this.#peer,
      sessions: [...this.#sessions].map(readSession).filter((reading) => reading !== null),
      lanes: lanes.filter(({ lane }) => lane.state === "live")
        .map((driver) => readLane(driver, slotOf(driver))),
      totals: {
        openedSessions: this.#openedSessions,
        session,
        lanes: [...laneTotals.values()],
        carrierChanges: [...this.#changes.values()],
        resumes: this.#resumes,
      },
    };
  }
}

function addTo(sum: SessionStats, stats: SessionStats): void {
  sum.streamsOpened += stats.streamsOpened;
  sum.bytesResent += stats.bytesResent;
  sum.framesDropped += stats.framesDropped;
  sum.carrierChanges += stats.carrierChanges;
  sum.copiesSent += stats.copiesSent;
  sum.copyBytesSent += stats.copyBytesSent;
  sum.copiesReceived += stats.copiesReceived;
  sum.copiesUseful += stats.copiesUseful;
}

const NO_COUNTS: LaneCounts = {
  sentBytes: 0,
  receivedBytes: 0,
  sentDatagrams: 0,
  receivedDatagrams: 0,
  stalls: 0,
};

function addLane(
  totals: Map<string, LaneTotals>,
  { driver, slot, closedLanes }: { driver: LaneDriver; slot: string; closedLanes: number },
): void {
  const { transport } = driver;
  const key = `${slot} ${transport}`;
  const sum = totals.get(key) ?? { ...NO_COUNTS, slot, transport, openedLanes: 0, closedLanes: 0 };
  const counts = countLane(driver);
  totals.set(key, {
    slot,
    transport,
    openedLanes: sum.openedLanes + 1,
    closedLanes: sum.closedLanes + closedLanes,
    sentBytes: sum.sentBytes + counts.sentBytes,
    receivedBytes: sum.receivedBytes + counts.receivedBytes,
    sentDatagrams: sum.sentDatagrams + counts.sentDatagrams,
    receivedDatagrams: sum.receivedDatagrams + counts.receivedDatagrams,
    stalls: sum.stalls + counts.stalls,
  });
}
