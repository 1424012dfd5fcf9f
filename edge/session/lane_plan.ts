/**
 * Which lanes a session should have, and what to do next to get there. Knows no socket: it is told how dials and lanes end.
 *
 * While no lane lives the ways race: each has a head start over the next, and one that fails gives way at once (RFC 8305).
 * With the first lane the others follow, one after another: QUIC, and one over TCP that is kept warm for the day on which
 * UDP gets through no more. Then all are over TCP, and QUIC is tried on; once it has come to stay, what is too much goes.
 */
import type { LaneTransport } from "../../shared/transport/lane_connection.ts";
import { MAX_LANES } from "../../shared/config/node_sections.ts";
import { type DialFailure, kindOf, type LaneRoute, type LaneRoutes, type RouteKind } from "./lane_routes.ts";

/** What a dial is given before the next way is tried beside it. */
export const HEAD_START_MS = 700;
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
  #lanes: PlannedLane[] = [];
  /** No lane starts before, unless none lives. */
  #nextStartAt = 0;
  #isDraining = false;
  #wakeAt: number | null = null;

  constructor(options: LanePlanOptions) {
    this.#options = options;
  }

  get laneCount(): number {
    return this.#lanes.length;
  }

  /** When {@linkcode next} is to be asked again, if nothing happens before; valid behind a call that gave null. */
  get nextTimeout(): number | null {
    return this.#wakeAt;
  }

  /** The next thing to do; to be called until it gives null, after every event. */
  next(now: number): LaneStep | null {
    this.#wakeAt = null;
    this.#options.routes.update(now);
    if (this.#lanes.length === 0) return this.#race(now);
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
    if (lane.route !== null) this.#options.routes.opened(lane.route, now);
  }

  /** A lane that was not retired is gone. */
  lost(lane: PlannedLane, now: number): void {
    this.#lanes = this.#lanes.filter((other) => other !== lane);
    if (lane.route !== null) this.#options.routes.lost(lane.route, now);
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
      if (dial === undefined && nextAt <= now) return this.#dial(route, now);
      if (nextAt > now) this.#wake(nextAt);
      if (dial !== undefined && nextAt > now) return null;
    }
    return null;
  }

  /** Ends dials that the race began and nobody needs. */
  #abandonSurplus(): LaneStep | null {
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

  /** Ends lanes over TCP that stood in for QUIC, once there are enough without them. */
  #retireSurplus(now: number): LaneStep | null {
    const { routes, lanes } = this.#options;
    const streams = this.#lanesOf("stream");
    const isSurplus = streams.length > this.#wanted().stream && this.#lanes.length > lanes;
    if (this.#isDraining || !isSurplus || routes.of("quic").length === 0) return null;
    const settlesAt = routes.quicSettlesAt;
    if (settlesAt === null) return null;
    if (settlesAt > now) {
      this.#wake(settlesAt);
      return null;
    }
    const lane = streams.findLast(({ transport }) => transport === "websocket") ?? streams.at(-1);
    if (lane === undefined) return null;
    this.#lanes = this.#lanes.filter((other) => other !== lane);
    if (lane.route !== null) routes.retired(lane.route);
    return { kind: "retire", lane };
  }

  #fill(now: number): LaneStep | null {
    if (routesMayReturn(this.#options.routes)) this.#wake(this.#options.routes.quicSettlesAt);
    const wanted = this.#wanted();
    const lacking = KINDS.filter((kind) =>
      this.#lanesOf(kind).length < wanted[kind] &&
      !this.#dials.some(({ route }) => kindOf(route.transport) === kind)
    );
    if (lacking.length === 0) return null;
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
    const hasTls = this.#lanes.some(({ transport }) => transport === "tls");
    return this.#options.routes.of(kind).filter(({ transport }) => transport !== "websocket" || !hasTls);
  }

  #wanted(): Record<RouteKind, number> {
    const { routes, lanes } = this.#options;
    if (this.#isDraining) return { quic: 0, stream: 0 };
    if (routes.of("quic").length === 0) {
      return { quic: 0, stream: routes.of("stream").length > 0 ? lanes : 0 };
    }
    if (routes.of("stream").length === 0) return { quic: lanes, stream: 0 };
    // One place is kept for the return.
    if (routes.isFallenBack) return { quic: 1, stream: Math.min(lanes, MAX_LANES - 1) };
    return { quic: Math.max(1, lanes - 1), stream: lanes > 1 ? 1 : 0 };
  }

  #dial(route: LaneRoute, now: number): LaneStep {
    const dial = { route, startedAt: now };
    this.#dials.push(dial);
    this.#nextStartAt = now + SPACING_MS * (0.75 + this.#options.random() / 2);
    return { kind: "dial", dial };
  }

  #lanesOf(kind: RouteKind): PlannedLane[] {
    return this.#lanes.filter(({ transport }) => kindOf(transport) === kind);
  }

  #wake(at: number | null): void {
    if (at !== null) this.#wakeAt = Math.min(at, this.#wakeAt ?? at);
  }
}

/** A QUIC lane is up whose stay would end the fall-back. */
function routesMayReturn({ isFallenBack, quicSettlesAt }: LaneRoutes): boolean {
  return isFallenBack && quicSettlesAt !== null;
}
