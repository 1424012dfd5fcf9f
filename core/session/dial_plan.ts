/**
 * Decides which way to an edge this core dials next, without sockets.
 *
 * One dial at a time; each way has a back-off of its own, so that one that is shut does not hold up the others, and is
 * *shut* when the latest dial brought nothing. QUIC ways come first. With two lanes or more, one is kept on a stream
 * transport where there is such a way. While QUIC is shut the stream ways stand in for it, and it goes on being asked;
 * lanes that stood in are given up only when QUIC ones have stayed, so that a path that comes and goes causes no storm of
 * dials. An edge that answers and refuses has been reached: then all its ways wait.
 *
 * A lane that is silent is missing: another is dialled beside it. When it is heard again, what is too much goes once
 * the lanes of its kind have been heard for as long.
 */
import { Backoff, type BackoffOptions } from "../../shared/clock/backoff.ts";
import { MAX_LANES } from "../../shared/config/node_sections.ts";
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
  /** Since when it brings something; null: it is silent. */
  readonly heardSince: number | null;
  /** Nothing of the session is sent on it now. */
  readonly isIdle: boolean;
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
  readonly #lanes: number;
  readonly #wantedQuic: number;
  /** Streams while QUIC is shut: one place is kept for its return. */
  readonly #mostStreams: number;
  readonly #wantedStream: number;
  /** Of the edge itself, whatever the way. */
  readonly #refusals: Backoff;
  #heldUntil = 0;

  constructor({ ways, lanes, backoff }: DialPlanOptions) {
    this.ways = ways;
    this.#lanes = lanes;
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
    this.#mostStreams = this.#quicWays.length === 0 ? lanes : Math.min(lanes, MAX_LANES - 1);
  }

  /** What to do next, with these lanes up, the youngest last. */
  next<L extends HeldLane>(held: readonly L[], now: number): DialStep<L> {
    if (now < this.#heldUntil) return { kind: "wait", until: this.#heldUntil };
    const fit = held.filter(({ heardSince }) => heardSince !== null);
    const lacked = held.length < MAX_LANES ? this.#lackedBy(fit) : [];
    const way = lacked.find((one) => this.#stateOf(one).readyAt <= now);
    if (way !== undefined) {
      const isUrgent = isQuic(way) && fit.length === 0 && this.#streamWays.length > 0;
      return { kind: "dial", way, limitMs: isUrgent ? QUIC_HEAD_START_MS : Number.POSITIVE_INFINITY };
    }
    const times = lacked.map((one) => this.#stateOf(one).readyAt);
    const surplus = this.#surplusOf(fit);
    if (surplus !== null) {
      if (surplus.settlesAt <= now) return { kind: "retire", lane: surplus.lane };
      times.push(surplus.settlesAt);
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

  #lackedBy(fit: readonly HeldLane[]): readonly DialWay[] {
    const quicLanes = fit.filter(({ way }) => isQuic(way)).length;
    const streamLanes = fit.length - quicLanes;
    return [
      ...(quicLanes < this.#wantedQuic ? this.#usable(this.#quicWays) : []),
      ...(streamLanes < this.#streamsFor(quicLanes) ? this.#usable(this.#streamWays) : []),
    ];
  }

  /** The lane that can be spared first, and when. */
  #surplusOf<L extends HeldLane>(fit: readonly L[]): { lane: L; settlesAt: number } | null {
    // With all places taken one has to go before one of the other kind can come.
    const isFull = fit.length === MAX_LANES;
    if (fit.length <= this.#lanes && !isFull) return null;
    const quicLanes = fit.filter(({ way }) => isQuic(way));
    const streamLanes = fit.filter(({ way }) => !isQuic(way));
    if (quicLanes.length > this.#wantedQuic) {
      return spareOf(quicLanes, Math.max(...quicLanes.map(heardSince)));
    }
    if (streamLanes.length > this.#mostStreams) {
      return spareOf(streamLanes, Math.max(...streamLanes.map(heardSince)));
    }
    const isQuicBack = quicLanes.length >= this.#wantedQuic || (isFull && quicLanes.length > 0);
    if (!isQuicBack || streamLanes.length <= this.#wantedStream) return null;
    return spareOf(streamLanes, Math.min(...quicLanes.map(heardSince)));
  }

  #backOff(way: DialWay, now: number): void {
    const state = this.#stateOf(way);
    state.readyAt = now + state.backoff.nextDelayMs();
    state.backedOffAt = now;
  }

  /** Stream lanes stand in for QUIC ones while none of those can be had. */
  #streamsFor(quicLanes: number): number {
    const isQuicShut = quicLanes === 0 && this.#quicWays.every((way) => this.#stateOf(way).isShut);
    return isQuicShut ? this.#mostStreams : this.#wantedStream;
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

function heardSince(lane: HeldLane): number {
  return lane.heardSince ?? Number.POSITIVE_INFINITY;
}

/** The youngest that carries nothing, or the youngest, when those that matter have been heard for long enough. */
function spareOf<L extends HeldLane>(
  lanes: readonly L[],
  heardSince: number,
): { lane: L; settlesAt: number } | null {
  const lane = lanes.findLast(({ isIdle }) => isIdle) ?? lanes.at(-1);
  return lane === undefined ? null : { lane, settlesAt: heardSince + RETURN_AFTER_MS };
}
