/**
 * The lanes of a session, and which of them carries which log and which copies.
 *
 * A carrier that closes, or stays silent while it owes an acknowledgement, gives way at once. One that merely measures worse
 * than another gives way when it did so at several looks in a row. Tokens have the best lane, bulk the best of the
 * others; copies go out on lanes that carry datagrams, each rank on another one, the tokens' own last.
 */
import type { CarriedLog, LogName } from "./carried_log.ts";
import { cheapest, isClearlyBetter, isFit } from "./lane_choice.ts";
import { type LaneHost, LaneMachine, type LaneTraits } from "./lane_machine.ts";
import { MAX_COPIES, type PathReading } from "./redundancy.ts";
import type { CarrierCause } from "./session_event.ts";

/** Looks in a row at which another lane must have been clearly better. */
const LOOKS_BEFORE_CHANGE = 3;
/** Share of the patience with a silent carrier after which the others are asked whether they live. */
const SUSPICION = 0.5;

export interface LaneSetOptions {
  host: LaneHost;
  now: number;
  logs: Readonly<Record<LogName, CarriedLog>>;
  /** The lane brought no byte for too long; it is closed after this call. */
  laneDied(lane: LaneMachine): void;
  carrierChanged(change: { log: LogName; lane: LaneMachine; cause: CarrierCause }): void;
  /** What the lanes have measured may have changed: called at every look. */
  looked(now: number): void;
}

interface Carriage {
  readonly carried: CarriedLog;
  lane: LaneMachine | null;
  /** The lane that was better at the last looks, and how many. */
  rival: LaneMachine | null;
  rivalLooks: number;
}

export class LaneSet {
  readonly #options: LaneSetOptions;
  readonly #lanes: LaneMachine[] = [];
  readonly #tokens: Carriage;
  readonly #bulk: Carriage;
  /** When the session is lost; null while it has a lane. */
  #resumeDeadline: number | null;
  #looksAt = Infinity;
  /** Of the last time-out. */
  #handledAt = Number.NEGATIVE_INFINITY;
  #carrierChanges = 0;
  /** Lane of each rank of copies. */
  #copyLanes: LaneMachine[] = [];

  constructor(options: LaneSetOptions) {
    this.#options = options;
    this.#tokens = { carried: options.logs.tokens, lane: null, rival: null, rivalLooks: 0 };
    this.#bulk = { carried: options.logs.bulk, lane: null, rival: null, rivalLooks: 0 };
    this.#resumeDeadline = options.now + options.host.limits.resumeTimeoutMs;
  }

  get size(): number {
    return this.#lanes.length;
  }

  get all(): readonly LaneMachine[] {
    return this.#lanes;
  }

  /** Times that another lane than the first came to carry a log. */
  get carrierChanges(): number {
    return this.#carrierChanges;
  }

  /** What all lanes together have measured: the worst. */
  read(): PathReading {
    let lossShare: number | null = null;
    let lateShare: number | null = null;
    for (const lane of this.#lanes) {
      if (lane.lossShare !== null) lossShare = Math.max(lossShare ?? 0, lane.lossShare);
      if (lane.lateShare !== null) lateShare = Math.max(lateShare ?? 0, lane.lateShare);
    }
    return { lossShare, lateShare, hasDatagrams: this.#hasDatagrams(this.#lanes) };
  }

  /** Tells the lane that carries `carried` that there is output. */
  signal(carried: CarriedLog): void {
    this.#carriageOf(carried).lane?.signal();
  }

  /** A copy of that rank is due. */
  signalCopies(rank: number): void {
    this.#copyLanes[rank]?.signalCopies();
  }

  /** Null when there are too many. */
  attach(traits: LaneTraits, now: number): LaneMachine | null {
    const { host } = this.#options;
    if (this.#lanes.length >= host.limits.maxLanes) return null;
    const lane = new LaneMachine(host, { traits, now });
    this.#lanes.push(lane);
    this.#resumeDeadline = null;
    this.#looksAt = Math.min(this.#looksAt, now + host.limits.pingIntervalMs);
    for (const carriage of this.#carriages) {
      if (carriage.lane === null) this.#give(carriage, { lane, cause: null });
      else if (carriage.lane.isLeaving) this.#give(carriage, { lane, cause: "closed" });
    }
    this.#shareCopies(now);
    return lane;
  }

  /** Carries nothing more on this lane, if there is another. */
  relieve(lane: LaneMachine, now: number): void {
    lane.markLeaving();
    this.#leave(lane, { cause: "closed", now });
  }

  /** The connection of a lane ended. */
  remove(lane: LaneMachine, now: number): void {
    const index = this.#lanes.indexOf(lane);
    if (index < 0) return;
    this.#lanes.splice(index, 1);
    if (this.#lanes.length === 0) {
      this.#resumeDeadline = now + this.#options.host.limits.resumeTimeoutMs;
      this.#looksAt = Infinity;
    }
    for (const carriage of this.#carriages) {
      if (carriage.lane !== lane) continue;
      carriage.lane = null;
      carriage.carried.isCarried = false;
    }
    this.#leave(lane, { cause: "closed", now });
  }

  nextTimeout(): number {
    let at = Math.min(this.#resumeDeadline ?? Infinity, this.#looksAt, this.#nextCopyAt());
    for (const lane of this.#lanes) at = Math.min(at, lane.nextTimeout());
    if (this.#lanes.length < 2) return at;
    for (const { lane } of this.#carriages) {
      const suspectAt = lane?.stallsAt({ patience: SUSPICION }) ?? Infinity;
      if (suspectAt > this.#handledAt) at = Math.min(at, suspectAt);
      const stallsAt = lane?.stallsAt() ?? null;
      if (stallsAt !== null && (stallsAt > this.#handledAt || this.#hasNewRefuge(lane))) {
        at = Math.min(at, stallsAt);
      }
    }
    return at;
  }

  /** Returns false when the session is lost: no lane came back in time. */
  handleTimeout(now: number): boolean {
    const lastHandledAt = this.#handledAt;
    this.#handledAt = now;
    for (const lane of [...this.#lanes]) {
      if (now >= lane.diesAt()) {
        this.#options.laneDied(lane);
        lane.closed(now);
      } else lane.handleTimeout(now);
    }
    if (this.#lanes.length > 1) {
      for (const { lane } of this.#carriages) {
        if (lane === null) continue;
        const suspectAt = lane.stallsAt({ patience: SUSPICION }) ?? Infinity;
        if (suspectAt > lastHandledAt && suspectAt <= now) this.#pingOthers(lane);
        if (now >= (lane.stallsAt() ?? Infinity)) this.#leaveSilent(lane, now);
      }
    }
    if (now >= this.#looksAt) this.#look(now);
    this.#signalDueCopies(now);
    return this.#resumeDeadline === null || now < this.#resumeDeadline;
  }

  /** The session ends: `closeCode` goes out on every lane as its last frame, unless it is null. */
  end(closeCode: number | null): void {
    for (const lane of this.#lanes) {
      if (closeCode === null) lane.kill();
      else lane.endWith(closeCode);
    }
    this.#lanes.length = 0;
    this.#copyLanes = [];
    for (const carriage of this.#carriages) {
      carriage.lane = null;
      carriage.carried.isCarried = false;
    }
    this.#resumeDeadline = null;
    this.#looksAt = Infinity;
  }

  get #carriages(): readonly Carriage[] {
    return [this.#tokens, this.#bulk];
  }

  #carriageOf(carried: CarriedLog): Carriage {
    return carried === this.#tokens.carried ? this.#tokens : this.#bulk;
  }

  /** `cause`: null when there was no lane before. */
  #give(carriage: Carriage, { lane, cause }: { lane: LaneMachine; cause: CarrierCause | null }): void {
    const { carried } = carriage;
    carriage.lane?.deactivate(carried);
    carriage.lane = lane;
    carriage.rival = null;
    carriage.rivalLooks = 0;
    carried.rewind();
    carried.isCarried = true;
    lane.activate(carried);
    if (cause !== null) {
      this.#carrierChanges++;
      this.#options.carrierChanged({ log: carried.name, lane, cause });
    }
    this.#options.host.fillLog(carried);
  }

  /** So that those which are silent as well are known by the time that the log has to go elsewhere. */
  #pingOthers(lane: LaneMachine): void {
    for (const other of this.#lanes) if (other !== lane) other.pingNow();
  }

  #leaveSilent(lane: LaneMachine, now: number): void {
    if (this.#othersFit(lane, now).length === 0) return;
    lane.markStalled(now);
    this.#leave(lane, { cause: "stalled", now });
  }

  /** Moves what `lane` carries, or carried, elsewhere. */
  #leave(lane: LaneMachine, { cause, now }: { cause: CarrierCause; now: number }): void {
    for (const carriage of this.#carriages) {
      if (carriage.lane !== lane && carriage.lane !== null) continue;
      const heardAfter = cause === "stalled" ? lane.lastReceivedAt : Number.NEGATIVE_INFINITY;
      const next = this.#bestFor(carriage, { now, heardAfter });
      if (next !== null && next !== carriage.lane) this.#give(carriage, { lane: next, cause });
    }
    this.#shareCopies(now);
  }

  /**
   * The best lane for a log, the present one aside unless it is the only one; of those that brought something after
   * `heardAfter`, if there are any.
   */
  #bestFor(carriage: Carriage, { now, heardAfter }: { now: number; heardAfter: number }): LaneMachine | null {
    const others = this.#lanes.filter((lane) => lane !== carriage.lane);
    const allFit = others.filter((lane) => isFit(lane, this.#fitness(now)));
    const heard = allFit.filter((lane) => lane.lastReceivedAt > heardAfter);
    const fit = heard.length > 0 ? heard : allFit;
    const tokensLane = this.#tokens.lane;
    if (carriage === this.#bulk) {
      const apart = fit.filter((lane) => lane !== tokensLane);
      if (apart.length > 0) return cheapest(apart, now);
    }
    return cheapest(fit, now) ?? cheapest(others.filter((lane) => !lane.isStalled && !lane.isLeaving), now) ??
      cheapest(others, now);
  }

  /** True when another lane than the silent `lane` may have become fit since that was last looked at. */
  #hasNewRefuge(lane: LaneMachine | null): boolean {
    return this.#lanes.some((other) =>
      other !== lane && !other.isStalled && !other.isLeaving && other.lastReceivedAt >= this.#handledAt
    );
  }

  /** When a copy is due of which its lane has not been told. Those of rank 0 are due at once. */
  #nextCopyAt(): number {
    let at = Infinity;
    for (let rank = 1; rank < this.#copyLanes.length; rank++) {
      if (this.#copyLanes[rank]?.isCopySignalled) continue;
      at = Math.min(at, this.#options.host.copies.dueAt(rank));
    }
    return at;
  }

  #othersFit(lane: LaneMachine, now: number): LaneMachine[] {
    return this.#lanes.filter((other) => other !== lane && isFit(other, this.#fitness(now)));
  }

  #fitness(now: number): { now: number; pingIntervalMs: number } {
    return { now, pingIntervalMs: this.#options.host.limits.pingIntervalMs };
  }

  #look(now: number): void {
    this.#looksAt = this.#lanes.length === 0 ? Infinity : now + this.#options.host.limits.pingIntervalMs;
    if (this.#lanes.length > 1) {
      for (const { lane } of this.#carriages) {
        if (lane !== null && !isFit(lane, this.#fitness(now))) this.#leaveSilent(lane, now);
      }
      this.#compare(this.#tokens, now);
      this.#compare(this.#bulk, now);
    }
    this.#options.looked(now);
    this.#shareCopies(now);
  }

  /** Moves a log to a lane that has been clearly better for some time; bulk also away from the tokens' lane. */
  #compare(carriage: Carriage, now: number): void {
    const { lane } = carriage;
    if (lane === null) return;
    const best = this.#bestFor(carriage, { now, heardAfter: Number.NEGATIVE_INFINITY });
    if (best === null || best.roundTripMs === null || !isFit(best, this.#fitness(now))) return;
    const isApart = carriage === this.#bulk && best !== this.#tokens.lane;
    const isShared = carriage === this.#bulk && lane === this.#tokens.lane;
    const isBetter = isShared
      ? isApart
      : isClearlyBetter(best, lane, now) && (carriage === this.#tokens || isApart);
    if (!isBetter) {
      carriage.rival = null;
      return;
    }
    carriage.rivalLooks = carriage.rival === best ? carriage.rivalLooks + 1 : 1;
    carriage.rival = best;
    if (isShared || carriage.rivalLooks >= LOOKS_BEFORE_CHANGE) {
      this.#give(carriage, { lane: best, cause: "better" });
    }
  }

  #shareCopies(now: number): void {
    const { copies } = this.#options.host;
    const lanes = this.#lanesForCopies(now);
    const wanted = lanes.length === 0
      ? 0
      : this.#hasDatagrams(lanes)
      ? Math.max(1, copies.copiesPerFrame)
      : 1;
    this.#copyLanes = [];
    for (let rank = 0; rank < Math.min(wanted, MAX_COPIES); rank++) {
      const lane = lanes[rank % lanes.length];
      if (lane !== undefined) this.#copyLanes.push(lane);
    }
    for (const lane of this.#lanes) {
      const ranks = this.#copyLanes.flatMap((other, rank) => other === lane ? [rank] : []);
      if (ranks.length > 0 || lane.copyRanks.length > 0) lane.copyRanks = ranks;
    }
    copies.setRanks(this.#copyLanes.length);
    this.#signalDueCopies(now);
  }

  #signalDueCopies(now: number): void {
    for (let rank = 0; rank < this.#copyLanes.length; rank++) {
      if (this.#options.host.copies.isDue(rank, now)) this.signalCopies(rank);
    }
  }

  #hasDatagrams(lanes: readonly LaneMachine[]): boolean {
    return lanes.some((lane) => lane.traits.carriesDatagrams);
  }

  /** Those that carry datagrams, the tokens' own last; without any the best of the others. */
  #lanesForCopies(now: number): LaneMachine[] {
    const tokensLane = this.#tokens.lane;
    const fit = this.#lanes.filter((lane) => isFit(lane, this.#fitness(now)));
    const others = fit.filter((lane) => lane !== tokensLane);
    const datagrams = others.filter((lane) => lane.traits.carriesDatagrams);
    if (tokensLane?.traits.carriesDatagrams) datagrams.push(tokensLane);
    if (datagrams.length > 0) return datagrams;
    const best = this.#hasDatagrams(this.#lanes) ? null : cheapest(others, now);
    return best === null || this.#options.host.copies.copiesPerFrame === 0 ? [] : [best];
  }
}
