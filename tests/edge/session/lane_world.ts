/** A network that exists only as times: dials of a `LanePlan` succeed, are refused or vanish in it, and lanes die. */
import { LanePlan, type PlannedDial, type PlannedLane } from "../../../edge/session/lane_plan.ts";
import { type DialFailure, kindOf, type LaneRoute, LaneRoutes } from "../../../edge/session/lane_routes.ts";
import { ManualClock } from "../../support/manual_clock.ts";

/** What becomes of a dial: a lane after so many ms, a failure after so many, or silence until the dial is given up. */
export type Fate = { opensAfterMs: number } | { fails: DialFailure; afterMs: number } | "silence";

export const QUIC: LaneRoute = { address: "core:1", transport: "quic" };
export const TLS: LaneRoute = { address: "core:1", transport: "tls" };
export const WEBSOCKET: LaneRoute = { address: "core:2", transport: "websocket" };

/** How long a dial waits for an answer. */
export const CONNECT_TIMEOUT_MS = 5_000;

export class LaneWorld {
  readonly clock = new ManualClock();
  readonly routes: LaneRoutes;
  readonly plan: LanePlan;
  readonly fates = new Map<LaneRoute, Fate>();
  /** Time and way of each dial. */
  readonly dials: { at: number; route: LaneRoute }[] = [];
  readonly lanes: PlannedLane[] = [];
  readonly retired: PlannedLane[] = [];
  readonly udpChanges: boolean[] = [];
  /** Lanes that open from now on carry something. */
  startsBusy = false;
  /** The most lanes that there were at once. */
  mostLanes = 0;
  /** The fewest lanes that brought something when one had just been retired. */
  fewestBehindRetirement = Infinity;
  readonly #silent = new Set<PlannedLane>();
  readonly #pending = new Map<PlannedDial, () => void>();
  #stopTimer = () => {};

  constructor(options: { routes: readonly LaneRoute[]; lanes: number; random?: () => number }) {
    const { routes, lanes, random = () => 0.5 } = options;
    this.routes = new LaneRoutes({
      routes,
      initialBackoffMs: 200,
      maxBackoffMs: 10_000,
      stableAfterMs: 5_000,
      random,
      onUdpChange: (isBlocked) => this.udpChanges.push(isBlocked),
    });
    this.plan = new LanePlan({ routes: this.routes, lanes, random });
    for (const route of routes) this.fates.set(route, { opensAfterMs: 50 });
  }

  /** Dials under way. */
  get pendingCount(): number {
    return this.#pending.size;
  }

  count(transport: LaneRoute["transport"]): number {
    return this.lanes.filter((lane) => lane.transport === transport).length;
  }

  run(ms: number): void {
    this.update();
    this.clock.advance(ms);
  }

  /** Runs until `condition` holds, and says how long that took; throws after `limitMs`. */
  runUntil(condition: () => boolean, limitMs: number): number {
    const from = this.clock.now();
    this.update();
    while (!condition()) {
      if (this.clock.now() - from > limitMs) throw new Error(`not within ${limitMs} ms`);
      this.clock.advance(10);
    }
    return this.clock.now() - from;
  }

  /** Does what the plan says now. */
  update(): void {
    const now = () => this.clock.now();
    for (let step = this.plan.next(now()); step !== null; step = this.plan.next(now())) {
      if (step.kind === "dial") this.#dial(step.dial);
      else if (step.kind === "abandon") this.#settle(step.dial);
      else {
        this.lanes.splice(this.lanes.indexOf(step.lane), 1);
        this.retired.push(step.lane);
        const fit = this.lanes.filter((lane) => !this.#silent.has(lane)).length;
        this.fewestBehindRetirement = Math.min(this.fewestBehindRetirement, fit);
      }
    }
    this.#stopTimer();
    const at = this.plan.nextTimeout;
    this.#stopTimer = at === null ? () => {} : this.clock.after(at - now(), () => this.update());
  }

  kill(lane: PlannedLane): void {
    this.lanes.splice(this.lanes.indexOf(lane), 1);
    this.plan.lost(lane, this.clock.now());
    this.update();
  }

  /** The lanes of now bring nothing any more, but do not die. */
  silence(lanes: readonly PlannedLane[] = this.lanes): void {
    for (const lane of lanes) {
      this.#silent.add(lane);
      this.plan.silenced(lane, this.clock.now());
    }
    this.update();
  }

  /** They bring something (again). */
  hear(lanes: readonly PlannedLane[] = this.lanes): void {
    for (const lane of lanes) {
      this.#silent.delete(lane);
      this.plan.heard(lane, this.clock.now());
    }
    this.update();
  }

  killAll(kind?: "quic" | "stream"): void {
    for (const lane of [...this.lanes]) {
      if (kind === undefined || kindOf(lane.transport) === kind) this.kill(lane);
    }
  }

  #dial(dial: PlannedDial): void {
    const { route } = dial;
    this.dials.push({ at: this.clock.now(), route });
    const fate = this.fates.get(route) ?? "silence";
    if (fate !== "silence" && "opensAfterMs" in fate) {
      return void this.#pending.set(dial, this.clock.after(fate.opensAfterMs, () => this.#opened(dial)));
    }
    const failure = fate === "silence" ? "unreachable" : fate.fails;
    const afterMs = fate === "silence" ? CONNECT_TIMEOUT_MS : fate.afterMs;
    this.#pending.set(
      dial,
      this.clock.after(afterMs, () => {
        this.#settle(dial);
        this.plan.failed(dial, { failure, now: this.clock.now() });
        this.update();
      }),
    );
  }

  #opened(dial: PlannedDial): void {
    this.#settle(dial);
    this.plan.settled(dial);
    const lane: PlannedLane = {
      transport: dial.route.transport,
      route: dial.route,
      isIdle: !this.startsBusy,
    };
    this.lanes.push(lane);
    this.mostLanes = Math.max(this.mostLanes, this.lanes.length);
    this.plan.opened(lane, this.clock.now());
    this.update();
  }

  #settle(dial: PlannedDial): void {
    this.#pending.get(dial)?.();
    this.#pending.delete(dial);
  }
}
