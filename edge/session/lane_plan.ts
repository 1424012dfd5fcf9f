/**
 * Which lanes a session should have, and what to do next to get there. Knows no socket: it is told how dials and lanes end.
 *
 * While no lane lives the ways race: each has a head start over the next, and one that fails gives way at once (RFC 8305).
 * With the first lane the others follow, one after another: QUIC, and one over TCP that is kept warm for the day on which
 * UDP gets through no more. Then all are over TCP, and QUIC is tried on; once it has come to stay, what is too much goes.
 *
 * A *silent* lane is missing: others are dialled beside it, and when all are silent the ways race. One that brings something
 * again counts again. What is too much then goes only when none has been silent for a while: of a path that comes and
 * goes the lanes pile up to a bound, instead of being dialled again and again.
 */
import type { LaneTransport } from "../../shared/transport/lane_connection.ts";
import { MAX_LANES } from "../../shared/config/node_sections.ts";
import {
  type DialFailure,
  kindOf,
  type LaneRoute,
  type LaneRoutes,
  RETURN_AFTER_MS,
  type RouteKind,
} from "./lane_routes.ts";

/** What a dial is given before the next way is tried beside it. */
const HEAD_START_MS = 700;
/** Between the starts of two lanes; varied by a quarter, so that the lanes of many edges do not start in step. */
const SPACING_MS = 1_000;

export interface LanePlanOptions {
  readonly routes: LaneRoutes;
  /** Lanes that the session should have. */
  readonly lanes: number;
  /** Evenly distributed in [0, 1). */
  random(): number;
}

/** A dial under way. */
export interface PlannedDial {
  readonly route: LaneRoute;
  readonly startedAt: number;
}

/** A lane of the session. */
export interface PlannedLane {
  readonly transport: LaneTransport;
  /** Null: the core dialled it. */
  readonly route: LaneRoute | null;
  /** Nothing of the session is sent on it now. */
  readonly isIdle: boolean;
}

export type LaneStep =
  | { readonly kind: "dial"; readonly dial: PlannedDial }
  /** The dial is to be given up: nobody needs its lane any more. */
  | { readonly kind: "abandon"; readonly dial: PlannedDial }
  /** The lane is to be closed in peace. */
  | { readonly kind: "retire"; readonly lane: PlannedLane };

const KINDS: readonly RouteKind[] = ["stream", "quic"];

export class LanePlan {
  readonly #options: LanePlanOptions;
  #dials: PlannedDial[] = [];
  /** From the oldest to the youngest. */
  #lanes: PlannedLane[] = [];
  /** Those of them that bring nothing. */
  readonly #silent = new Set<PlannedLane>();
  /** A lane fell silent since the latest one opened: a dial that was begun for it goes on though it is heard again. */
  #keepsDials = false;
  /** From when on no lane has been silent for long enough to let go of what is too much. */
  #calmAt = Number.NEGATIVE_INFINITY;
  /** No lane starts before, unless none brings anything. */
  #nextStartAt = 0;
  #isDraining = false;
  #wakeAt: number | null = null;

  constructor(options: LanePlanOptions) {
    this.#options = options;
  }

  /** When {@linkcode next} is to be asked again, if nothing happens before; valid behind a call that gave null. */
  get nextTimeout(): number | null {
    return this.#wakeAt;
  }

  /** The next thing to do; to be called until it gives null, after every event. */
  next(now: number): LaneStep | null {
    this.#wakeAt = null;
    this.#options.routes.update(now);
    if (this.#silent.size === this.#lanes.length) return this.#race(now);
    return this.#abandonSurplus() ?? this.#retireSurplus(now) ?? this.#fill(now);
  }

  /** A dial is over, whatever it brought. */
  settled(dial: PlannedDial): void {
    this.#dials = this.#dials.filter((other) => other !== dial);
  }

  failed(dial: PlannedDial, { failure, now }: { failure: DialFailure; now: number }): void {
    this.settled(dial);
    this.#options.routes.failed(dial.route, failure, now);
  }

  /** The session has a further lane. */
  opened(lane: PlannedLane, now: number): void {
    this.#lanes.push(lane);
    this.#keepsDials = false;
    if (lane.route !== null) this.#options.routes.opened(lane.route, now);
  }

  /** A lane that was not retired is gone. */
  lost(lane: PlannedLane, now: number): void {
    this.#remove(lane);
    if (lane.route !== null) this.#options.routes.lost(lane.route, now);
  }

  /** The lane brings nothing any more. May be repeated. */
  silenced(lane: PlannedLane, now: number): void {
    if (this.#silent.has(lane)) return;
    this.#silent.add(lane);
    this.#keepsDials = true;
    this.#calmAt = now + RETURN_AFTER_MS;
    if (lane.route !== null) this.#options.routes.missing(lane.route);
  }

  /** The lane brings something. May be repeated. */
  heard(lane: PlannedLane, now: number): void {
    if (!this.#silent.delete(lane)) return;
    this.#calmAt = now + RETURN_AFTER_MS;
    if (lane.route !== null) this.#options.routes.heard(lane.route, now);
  }

  /** From now on one lane is enough, and none that lives is given up. */
  drain(): void {
    this.#isDraining = true;
  }

  #race(now: number): LaneStep | null {
    const { routes } = this.#options;
    for (const route of routes.raceOrder) {
      const dial = this.#dials.find((other) => other.route === route);
      const nextAt = dial === undefined ? routes.readyAt(route) : dial.startedAt + HEAD_START_MS;
      if (dial === undefined && nextAt <= now) return this.#hasPlace ? this.#dial(route, now) : null;
      if (nextAt > now) this.#wake(nextAt);
      if (dial !== undefined && nextAt > now) return null;
    }
    return null;
  }

  /** Ends dials that the race began and nobody needs. */
  #abandonSurplus(): LaneStep | null {
    if (this.#keepsDials) return null;
    const wanted = this.#wanted();
    for (const kind of KINDS) {
      const dials = this.#dials.filter(({ route }) => kindOf(route.transport) === kind);
      const last = dials.at(-1);
      if (last === undefined || this.#lanesOf(kind).length + dials.length <= wanted[kind]) continue;
      this.settled(last);
      return { kind: "abandon", dial: last };
    }
    return null;
  }

  /** Ends lanes over TCP that stood in for QUIC, and what was dialled beside lanes that were silent. */
  #retireSurplus(now: number): LaneStep | null {
    const kind = this.#surplusKind();
    const settlesAt = kind === null ? null : this.#settlesAt(kind);
    if (kind === null || settlesAt === null) return null;
    if (settlesAt > now) {
      this.#wake(settlesAt);
      return null;
    }
    const lane = leastNeeded(this.#lanesOf(kind));
    if (lane === null) return null;
    this.#remove(lane);
    return { kind: "retire", lane };
  }

  /** The kind of which a lane can be spared, those that are silent aside. */
  #surplusKind(): RouteKind | null {
    const { routes, lanes } = this.#options;
    if (this.#isDraining || routes.raceOrder.length === 0) return null;
    const wanted = this.#wanted();
    const fitCount = this.#lanes.length - this.#silent.size;
    // With all places taken one has to go before one of the other kind can come.
    const isOneInTheWay = fitCount === MAX_LANES &&
      KINDS.some((kind) => this.#lanesOf(kind).length < wanted[kind]);
    if (fitCount <= lanes && !isOneInTheWay) return null;
    return KINDS.find((kind) => this.#lanesOf(kind).length > wanted[kind]) ?? null;
  }

  /** From when on what is too much can go; null: not before something changes. */
  #settlesAt(kind: RouteKind): number | null {
    const { routes, lanes } = this.#options;
    const mayStandIn = kind === "stream" && routes.of("quic").length > 0 &&
      this.#lanesOf(kind).length <= mostStandIns(lanes);
    if (!mayStandIn) return this.#calmAt;
    const quicSettlesAt = routes.quicSettlesAt;
    return quicSettlesAt === null ? null : Math.max(quicSettlesAt, this.#calmAt);
  }

  #fill(now: number): LaneStep | null {
    if (routesMayReturn(this.#options.routes)) this.#wake(this.#options.routes.quicSettlesAt);
    const wanted = this.#wanted();
    const lacking = KINDS.filter((kind) =>
      this.#lanesOf(kind).length < wanted[kind] &&
      !this.#dials.some(({ route }) => kindOf(route.transport) === kind)
    );
    if (lacking.length === 0 || !this.#hasPlace) return null;
    if (now < this.#nextStartAt) {
      this.#wake(this.#nextStartAt);
      return null;
    }
    for (const route of lacking.flatMap((kind) => this.#usable(kind))) {
      const readyAt = this.#options.routes.readyAt(route);
      if (readyAt <= now) return this.#dial(route, now);
      this.#wake(readyAt);
    }
    return null;
  }

  /** The ways of a kind that may get a further lane: no WebSockets where TLS works. */
  #usable(kind: RouteKind): readonly LaneRoute[] {
    const hasTls = this.#lanesOf("stream").some(({ transport }) => transport === "tls");
    return this.#options.routes.of(kind).filter(({ transport }) => transport !== "websocket" || !hasTls);
  }

  #wanted(): Record<RouteKind, number> {
    const { routes, lanes } = this.#options;
    if (this.#isDraining) return { quic: 0, stream: 0 };
    if (routes.of("quic").length === 0) {
      return { quic: 0, stream: routes.of("stream").length > 0 ? lanes : 0 };
    }
    if (routes.of("stream").length === 0) return { quic: lanes, stream: 0 };
    if (routes.isFallenBack) return { quic: 1, stream: mostStandIns(lanes) };
    return { quic: Math.max(1, lanes - 1), stream: lanes > 1 ? 1 : 0 };
  }

  #dial(route: LaneRoute, now: number): LaneStep {
    const dial = { route, startedAt: now };
    this.#dials.push(dial);
    this.#nextStartAt = now + SPACING_MS * (0.75 + this.#options.random() / 2);
    return { kind: "dial", dial };
  }

  #remove(lane: PlannedLane): void {
    this.#lanes = this.#lanes.filter((other) => other !== lane);
    if (!this.#silent.delete(lane) && lane.route !== null) this.#options.routes.missing(lane.route);
  }

  /** The session takes the lanes that are there, those under way, and one more. */
  get #hasPlace(): boolean {
    return this.#lanes.length + this.#dials.length < MAX_LANES;
  }

  /** Those that are not silent. */
  #lanesOf(kind: RouteKind): PlannedLane[] {
    return this.#lanes.filter((lane) => kindOf(lane.transport) === kind && !this.#silent.has(lane));
  }

  #wake(at: number | null): void {
    if (at !== null) this.#wakeAt = Math.min(at, this.#wakeAt ?? at);
  }
}

/** A QUIC lane is up whose stay would end the fall-back. */
function routesMayReturn({ isFallenBack, quicSettlesAt }: LaneRoutes): boolean {
  return isFallenBack && quicSettlesAt !== null;
}

/** Lanes over TCP that stand in for QUIC: one place is kept for its return. */
function mostStandIns(lanes: number): number {
  return Math.min(lanes, MAX_LANES - 1);
}

/** WebSockets before TLS, what carries nothing before what does, the youngest first. */
function leastNeeded(lanes: readonly PlannedLane[]): PlannedLane | null {
  const webSockets = lanes.filter(({ transport }) => transport === "websocket");
  const ranked = webSockets.length > 0 ? webSockets : lanes;
  return ranked.findLast(({ isIdle }) => isIdle) ?? ranked.at(-1) ?? null;
}
