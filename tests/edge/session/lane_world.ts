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
    const lane = { transport: dial.route.transport, route: dial.route };
    this.lanes.push(lane);
    this.plan.opened(lane, this.clock.now());
    this.update();
  }

  #settle(dial: PlannedDial): void {
    this.#pending.get(dial)?.();
    this.#pending.delete(dial);
  }
}
