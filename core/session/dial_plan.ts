/**
 * Decides which way to an edge this core dials next, without sockets.
 *
 * One dial at a time; each way has a back-off of its own, so that one that is shut does not hold up the others, and is
 * *shut* when the latest dial brought nothing. QUIC ways come first. With two lanes or more, one is kept on a stream
 * transport where there is such a way. While QUIC is shut the stream ways stand in for it, and it goes on being asked;
 * lanes that stood in are given up only when QUIC ones have stayed, so that a path that comes and goes causes no storm of
 * dials. An edge that answers and refuses has been reached: then all its ways wait.
 */
import { Backoff, type BackoffOptions } from "../../shared/clock/backoff.ts";
import type { LaneTransport } from "../../shared/transport/lane_connection.ts";

/** A QUIC lane that has been up for so long has come to stay. */
const RETURN_AFTER_MS = 10_000;
/** Longest back-off of QUIC, so that it is found soon after UDP gets through again. */
const MAX_QUIC_BACKOFF_MS = 20_000;
/** A lane that lived so long makes its way a good one: the next wait begins small again. */
const STABLE_AFTER_MS = 5_000;
/** For QUIC to answer while no lane is up and a stream way waits behind it. */
const QUIC_HEAD_START_MS = 2_000;

/** One way to an edge. */
export interface DialWay {
  /** `host:port` */
  readonly address: string;
  readonly transport: LaneTransport;
}

/** A lane that takes new streams. */
export interface HeldLane {
  readonly way: DialWay;
  readonly upAt: number;
}

export type DialStep<L extends HeldLane> =
  /** `limitMs`: when to give up, if that is sooner than always. */
  | { readonly kind: "dial"; readonly way: DialWay; readonly limitMs: number }
  | { readonly kind: "retire"; readonly lane: L }
  /** Null: until something changes. */
  | { readonly kind: "wait"; readonly until: number | null };

export interface DialPlanOptions {
  /** By preference within QUIC and within the others. */
  readonly ways: readonly DialWay[];
  /** How many lanes there should be. */
  readonly lanes: number;
  readonly backoff: BackoffOptions;
}

interface WayState {
  readonly backoff: Backoff;
  readyAt: number;
  backedOffAt: number;
  isShut: boolean;
}

export class DialPlan {
  readonly ways: readonly DialWay[];
  readonly #states: ReadonlyMap<DialWay, WayState>;
  readonly #quicWays: readonly DialWay[];
  readonly #streamWays: readonly DialWay[];
  readonly #wantedQuic: number;
  readonly #wantedStream: number;
  /** Of the edge itself, whatever the way. */
  readonly #refusals: Backoff;
  #heldUntil = 0;

  constructor({ ways, lanes, backoff }: DialPlanOptions) {
    this.ways = ways;
    this.#states = new Map(ways.map((way) => {
      const maxMs = way.transport === "quic" ? Math.min(backoff.maxMs, MAX_QUIC_BACKOFF_MS) : backoff.maxMs;
      const never = Number.NEGATIVE_INFINITY;
      return [way, {
        backoff: new Backoff({ ...backoff, maxMs }),
        readyAt: never,
        backedOffAt: never,
        isShut: false,
      }];
    }));
    this.#refusals = new Backoff(backoff);
    this.#quicWays = ways.filter(isQuic);
    this.#streamWays = ways.filter((way) => !isQuic(way));
    const keptStreams = lanes > 1 && this.#streamWays.length > 0 ? 1 : 0;
    this.#wantedStream = this.#quicWays.length === 0 ? lanes : keptStreams;
    this.#wantedQuic = lanes - this.#wantedStream;
  }

  /** What to do next, with these lanes up. */
  next<L extends HeldLane>(held: readonly L[], now: number): DialStep<L> {
    if (now < this.#heldUntil) return { kind: "wait", until: this.#heldUntil };
    const quicLanes = held.filter(({ way }) => isQuic(way));
    const streamLanes = held.filter(({ way }) => !isQuic(way));
    const lacked = [
      ...(quicLanes.length < this.#wantedQuic ? this.#usable(this.#quicWays) : []),
      ...(streamLanes.length < this.#streamsFor(quicLanes.length) ? this.#usable(this.#streamWays) : []),
    ];
    const way = lacked.find((one) => this.#stateOf(one).readyAt <= now);
    if (way !== undefined) {
      const isUrgent = isQuic(way) && held.length === 0 && this.#streamWays.length > 0;
      return { kind: "dial", way, limitMs: isUrgent ? QUIC_HEAD_START_MS : Number.POSITIVE_INFINITY };
    }
    const times = lacked.map((one) => this.#stateOf(one).readyAt);
    const surplus = streamLanes.length > this.#wantedStream ? streamLanes.at(-1) : undefined;
    if (surplus !== undefined && quicLanes.length >= this.#wantedQuic) {
      const settlesAt = Math.min(...quicLanes.map(({ upAt }) => upAt)) + RETURN_AFTER_MS;
      if (settlesAt <= now) return { kind: "retire", lane: surplus };
      times.push(settlesAt);
    }
    return { kind: "wait", until: times.length === 0 ? null : Math.min(...times) };
  }

  /** Nobody was reached that way. */
  failed(way: DialWay, now: number): void {
    this.#stateOf(way).isShut = true;
    this.#backOff(way, now);
  }

  /** The edge was reached and refused the lane. */
  refused(now: number): void {
    this.#heldUntil = now + this.#refusals.nextDelayMs();
  }

  opened(way: DialWay): void {
    this.#stateOf(way).isShut = false;
    this.#refusals.succeeded();
  }

  /** A lane is gone that was not retired. */
  lost({ way, upAt }: HeldLane, now: number): void {
    const { backoff, backedOffAt } = this.#stateOf(way);
    // Lanes that are lost together say no more than one.
    if (upAt <= backedOffAt) return;
    if (now - upAt >= STABLE_AFTER_MS) backoff.succeeded();
    this.#backOff(way, now);
  }

  #backOff(way: DialWay, now: number): void {
    const state = this.#stateOf(way);
    state.readyAt = now + state.backoff.nextDelayMs();
    state.backedOffAt = now;
  }

  /** Stream lanes stand in for QUIC ones while none of those can be had. */
  #streamsFor(quicLanes: number): number {
    const isQuicShut = quicLanes === 0 && this.#quicWays.every((way) => this.#stateOf(way).isShut);
    return isQuicShut ? this.#wantedQuic + this.#wantedStream : this.#wantedStream;
  }

  /** The first way that is not shut, and those that are preferred to it. */
  #usable(ways: readonly DialWay[]): readonly DialWay[] {
    const first = ways.findIndex((way) => !this.#stateOf(way).isShut);
    return first < 0 ? ways : ways.slice(0, first + 1);
  }

  #stateOf(way: DialWay): WayState {
    const state = this.#states.get(way);
    if (state === undefined) throw new TypeError("not a way to this edge");
    return state;
  }
}

function isQuic({ transport }: DialWay): boolean {
  return transport === "quic";
}
