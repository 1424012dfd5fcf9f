/**
 * The ways to one core, and what is known of each: when it may be dialled again, and whether QUIC gets through at all.
 *
 * Each way has a back-off of its own, so that one that is shut does not hold up the others. When no QUIC lane brings
 * anything, a lane over TCP does and QUIC cannot be dialled, the link has *fallen back*: it lives on TCP until a QUIC lane has been up for
 * {@linkcode RETURN_AFTER_MS}, so that a path that comes and goes causes no storm of dials. Only silence is taken for a
 * blocked path: who answers, if only to refuse, has been reached.
 */
import { Backoff } from "../../shared/clock/backoff.ts";
import type { LaneTransport } from "../../shared/transport/lane_connection.ts";

/** A QUIC lane that has been up for so long has come to stay. */
export const RETURN_AFTER_MS = 10_000;
/** Longest back-off of QUIC, so that it is found soon after UDP gets through again. */
const MAX_QUIC_BACKOFF_MS = 20_000;
/** A core that drains is asked again after this time and up to as much again. */
const UNAVAILABLE_WAIT_MS = 1_000;

/** One way to a core. */
export interface LaneRoute {
  /** `host:port` */
  readonly address: string;
  readonly transport: LaneTransport;
}

/** QUIC, or a stream over TCP. */
export type RouteKind = "quic" | "stream";

/**
 * Why a dial brought no lane. `unreachable`: nothing came back; `name`: the name has no address; `certificate`: whoever is
 * there is not the core; `protocol`: it broke the rules or hung up; `elsewhere`: it is another process than the one that
 * the session lives in; `refused`: the core does not let this edge in; `unavailable`: the core takes no new session.
 */
export type DialFailure =
  | "unreachable"
  | "name"
  | "certificate"
  | "protocol"
  | "elsewhere"
  | "refused"
  | "unavailable";

export interface LaneRoutesOptions {
  /** By preference within each kind. Empty: this core is never dialled. */
  readonly routes: readonly LaneRoute[];
  readonly initialBackoffMs: number;
  readonly maxBackoffMs: number;
  /** A lane that lived so long makes its way a good one: the next wait begins small again. */
  readonly stableAfterMs: number;
  /** Evenly distributed in [0, 1). */
  random(): number;
  /** UDP to this core stopped getting through, or has come back to stay. */
  onUdpChange(isBlocked: boolean): void;
}

interface RouteState {
  readonly route: LaneRoute;
  readonly backoff: Backoff;
  readyAt: number;
  /** When the first lane since the last failure came up. */
  upSince: number | null;
  /** The core took no new session; it may change its mind. */
  isUnavailable: boolean;
}

export class LaneRoutes {
  readonly #options: LaneRoutesOptions;
  readonly #states: ReadonlyMap<LaneRoute, RouteState>;
  readonly #byKind: Readonly<Record<RouteKind, readonly LaneRoute[]>>;
  /** Of lanes that bring something. */
  readonly #laneCounts = { quic: 0, stream: 0 };
  /** Of the latest QUIC dial; null since the latest QUIC lane. */
  #quicFailure: DialFailure | null = null;
  /** Since when there is always a QUIC lane that brings something. */
  #quicUpSince: number | null = null;
  #isFallenBack = false;
  #isUdpBlocked = false;

  constructor(options: LaneRoutesOptions) {
    this.#options = options;
    const { routes, initialBackoffMs: initialMs, random } = options;
    this.#states = new Map(routes.map((route) => {
      const maxMs = route.transport === "quic"
        ? Math.min(options.maxBackoffMs, MAX_QUIC_BACKOFF_MS)
        : options.maxBackoffMs;
      return [route, {
        route,
        backoff: new Backoff({ initialMs, maxMs, random }),
        readyAt: 0,
        upSince: null,
        isUnavailable: false,
      }];
    }));
    const of = (transport: LaneTransport) => routes.filter((route) => route.transport === transport);
    this.#byKind = { quic: of("quic"), stream: [...of("tls"), ...of("websocket")] };
  }

  /** By preference: TLS before WebSockets. */
  of(kind: RouteKind): readonly LaneRoute[] {
    return this.#byKind[kind];
  }

  /** The order in which they race while no lane lives: both kinds in turn, the one first that is more likely to work. */
  get raceOrder(): readonly LaneRoute[] {
    const { quic, stream } = this.#byKind;
    const [first, second] = this.#isFallenBack ? [stream, quic] : [quic, stream];
    const length = Math.max(first.length, second.length);
    return Array.from({ length }, (_, index) => [first[index], second[index]]).flat()
      .filter((route) => route !== undefined);
  }

  /** The link lives on streams, for want of QUIC. */
  get isFallenBack(): boolean {
    return this.#isFallenBack;
  }

  /** The link has fallen back because nothing came back over UDP. */
  get isUdpBlocked(): boolean {
    return this.#isUdpBlocked;
  }

  /** From when on QUIC lanes are taken to stay; null: none brings anything. */
  get quicSettlesAt(): number | null {
    return this.#quicUpSince === null ? null : this.#quicUpSince + RETURN_AFTER_MS;
  }

  readyAt(route: LaneRoute): number {
    return this.#stateOf(route).readyAt;
  }

  /** To be called before decisions: ends the fall-back when it is time. */
  update(now: number): void {
    if (!this.#isFallenBack || this.quicSettlesAt === null || now < this.quicSettlesAt) return;
    this.#isFallenBack = false;
    this.#setUdpBlocked(false);
  }

  opened(route: LaneRoute, now: number): void {
    this.#stateOf(route).upSince ??= now;
    this.heard(route, now);
  }

  /** A lane brings something: a new one, or one that was silent. */
  heard(route: LaneRoute, now: number): void {
    if (kindOf(route.transport) === "quic") {
      this.#quicFailure = null;
      this.#quicUpSince ??= now;
    }
    this.#laneCounts[kindOf(route.transport)]++;
    this.#judge();
  }

  failed(route: LaneRoute, failure: DialFailure, now: number): void {
    const state = this.#stateOf(route);
    if (route.transport === "quic") this.#quicFailure = failure;
    state.isUnavailable = failure === "unavailable";
    if (state.isUnavailable) state.readyAt = now + UNAVAILABLE_WAIT_MS * (1 + this.#options.random());
    else this.#backOff(state, now);
    this.#judge();
  }

  /** A lane was lost; one that was not silent is {@linkcode missing} too. */
  lost(route: LaneRoute, now: number): void {
    const state = this.#stateOf(route);
    // Opened before the latest failure: what its end tells of the way is known already.
    if (state.upSince !== null) this.#backOff(state, now);
  }

  /** A lane brings nothing any more: it is silent, lost, or closed for want of need. */
  missing(route: LaneRoute): void {
    const kind = kindOf(route.transport);
    this.#laneCounts[kind]--;
    if (this.#laneCounts.quic === 0) this.#quicUpSince = null;
  }

  /** A core that took no new session may have changed its mind. */
  release(now: number): void {
    for (const state of this.#states.values()) {
      if (state.isUnavailable) state.readyAt = now;
    }
  }

  /** A way that was good is tried again at once; others wait longer with every failure. */
  #backOff(state: RouteState, now: number): void {
    const isStable = state.upSince !== null && now - state.upSince >= this.#options.stableAfterMs;
    state.upSince = null;
    if (isStable) state.backoff.succeeded();
    state.readyAt = isStable ? now : now + state.backoff.nextDelayMs();
  }

  #judge(): void {
    const { quic, stream } = this.#laneCounts;
    if (quic > 0 || this.#quicFailure === null) return;
    if (stream > 0) this.#isFallenBack = true;
    if (this.#isFallenBack) this.#setUdpBlocked(this.#quicFailure === "unreachable");
  }

  #setUdpBlocked(isBlocked: boolean): void {
    if (this.#isUdpBlocked === isBlocked) return;
    this.#isUdpBlocked = isBlocked;
    this.#options.onUdpChange(isBlocked);
  }

  #stateOf(route: LaneRoute): RouteState {
    const state = this.#states.get(route);
    if (state === undefined) throw new TypeError("not a way to this core");
    return state;
  }
}

export function kindOf(transport: LaneTransport): RouteKind {
  return transport === "quic" ? "quic" : "stream";
}
