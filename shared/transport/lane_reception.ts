/**
 * What the listeners of all transports share: admission, the time-out of half-open connections, counters, and the
 * queue of lanes that wait to be accepted. Waiting lanes keep their half-open place, which bounds the queue.
 */
import { assert } from "../assert/assert.ts";
import type { Clock } from "../clock/clock.ts";
import { HandshakeAdmission } from "./handshake_admission.ts";
import type { LaneConnection, LaneListenerCounters, LaneListenerLimits } from "./lane_connection.ts";

/** One admitted connection on its way to a lane. */
export interface HalfOpenLane {
  /** IP address of the peer. */
  readonly ip: string;
  /** Resolves when the lane can be used; rejects when the handshake fails or `abandon` was called. */
  readonly ready: Promise<LaneConnection>;
  /** Frees everything behind the connection; called after a time-out or a failure. */
  abandon(): void;
}

export class LaneReception {
  readonly counters: LaneListenerCounters = {
    accepted: 0,
    limited: 0,
    timedOut: 0,
    failed: 0,
    acceptErrors: 0,
  };
  readonly #admission: HandshakeAdmission;
  readonly #limits: LaneListenerLimits;
  readonly #clock: Clock;
  readonly #waiting: { lane: LaneConnection; ip: string }[] = [];
  readonly #halfOpen = new Set<HalfOpenLane>();
  #acceptor: ((lane: LaneConnection | null) => void) | null = null;
  #isClosed = false;

  constructor(limits: LaneListenerLimits, clock: Clock) {
    this.#limits = limits;
    this.#clock = clock;
    this.#admission = new HandshakeAdmission(limits, clock.now());
  }

  /**
   * Whether one more handshake may begin; after true the connection must go to {@linkcode receive} or
   * {@linkcode giveUp}, or the place back with {@linkcode giveBack}.
   */
  admit(): boolean {
    const isAdmitted = !this.#isClosed && this.#admission.admit(this.#clock.now());
    if (!isAdmitted) this.counters.limited++;
    return isAdmitted;
  }

  /** There was no connection for the place that {@linkcode admit} took. */
  giveBack(): void {
    this.#admission.release();
  }

  /** An admitted connection failed before there was anything to wait for. */
  giveUp(): void {
    this.#admission.release();
    this.counters.failed++;
  }

  /** Waits for an admitted connection's handshake and queues its lane. */
  receive(halfOpen: HalfOpenLane): void {
    if (this.#isClosed || !this.#admission.admitAddress(halfOpen.ip)) {
      this.#admission.release();
      this.counters.limited++;
      halfOpen.ready.catch(ignoreFailure);
      halfOpen.abandon();
      return;
    }
    this.#halfOpen.add(halfOpen);
    let isTimedOut = false;
    const cancelTimeout = this.#clock.after(this.#limits.handshakeTimeoutMs, () => {
      isTimedOut = true;
      halfOpen.abandon();
    });
    const settle = () => {
      cancelTimeout();
      this.#halfOpen.delete(halfOpen);
    };
    halfOpen.ready.then((lane) => {
      settle();
      // Ready in the very turn in which it was given up: `abandon` has closed it.
      if (isTimedOut || this.#isClosed) this.#release(halfOpen.ip);
      else this.#queue(lane, halfOpen.ip);
    }, () => {
      settle();
      if (isTimedOut) this.counters.timedOut++;
      else this.counters.failed++;
      if (!isTimedOut && !this.#isClosed) halfOpen.abandon();
      this.#release(halfOpen.ip);
    });
  }

  /** As {@linkcode LaneListener.accept}. */
  accept(): Promise<LaneConnection | null> {
    const next = this.#waiting.shift();
    if (next !== undefined) {
      this.#release(next.ip);
      this.counters.accepted++;
      return Promise.resolve(next.lane);
    }
    if (this.#isClosed) return Promise.resolve(null);
    assert(this.#acceptor === null, "accept is under way");
    return new Promise((resolve) => this.#acceptor = resolve);
  }

  /** Ends half-open and waiting connections; accepted lanes live on. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const halfOpen of this.#halfOpen) halfOpen.abandon();
    for (const { lane, ip } of this.#waiting.splice(0)) {
      lane.close();
      this.#release(ip);
    }
    this.#acceptor?.(null);
    this.#acceptor = null;
  }

  #queue(lane: LaneConnection, ip: string): void {
    this.#waiting.push({ lane, ip });
    const acceptor = this.#acceptor;
    if (acceptor === null) return;
    this.#acceptor = null;
    void this.accept().then(acceptor);
  }

  #release(ip: string): void {
    this.#admission.release();
    this.#admission.releaseAddress(ip);
  }
}

/** The connection was turned away: how its handshake ends changes nothing. */
function ignoreFailure(): void {}
