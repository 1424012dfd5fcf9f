/**
 * Does for one session what its {@linkcode LanePlan} says: dials lanes, proves who this edge is on each, and closes those
 * that nobody needs.
 *
 * A session begins with its first lane. Until then only one lane at a time introduces itself, whichever connected first:
 * two that did so together would each begin a session.
 *
 * Lanes do not say when they fall silent: they are looked at when the first may have, and while one is, at each interval of
 * its PINGs.
 */
import { assert } from "../../shared/assert/assert.ts";
import type { Clock } from "../../shared/clock/clock.ts";
import type { EdgeHandshakeResult } from "../../shared/handshake/perform_edge_handshake.ts";
import { describeError } from "../../shared/observe/logger.ts";
import type { LaneDriver } from "../../shared/session/lane_driver.ts";
import type { SessionDriver } from "../../shared/session/session_driver.ts";
import { type LaneConnection, LaneDialError } from "../../shared/transport/lane_connection.ts";
import { silentAt } from "../../shared/tunnel/lane_choice.ts";
import { dialFailureOf, refusalOf } from "./dial_failure.ts";
import type { LanePlan, LaneStep, PlannedDial, PlannedLane } from "./lane_plan.ts";
import type { DialFailure, LaneRoute } from "./lane_routes.ts";

/** A session with what the core said when it began. */
export interface KeptSession {
  readonly id: Uint8Array;
  readonly coreInstanceId: Uint8Array;
  /** As granted: a PING goes out on every lane this often. */
  readonly pingIntervalMs: number;
  readonly driver: SessionDriver;
}

export type AcceptedHandshake = Extract<EdgeHandshakeResult, { kind: "accepted" }>;

/** A connection on which the core has let this edge in. */
export interface AcceptedLane {
  readonly connection: LaneConnection;
  /** Null: the core dialled. */
  readonly route: LaneRoute | null;
  /** The session that was asked for; null: a new one. */
  readonly asked: KeptSession | null;
  readonly handshake: AcceptedHandshake;
}

export interface IntroduceOptions {
  /** Null: a new session. */
  readonly sessionId: Uint8Array | null;
  readonly signal: AbortSignal;
}

export interface LaneKeeperOptions {
  readonly plan: LanePlan;
  readonly clock: Clock;
  dial(route: LaneRoute, signal: AbortSignal): Promise<LaneConnection>;
  introduce(connection: LaneConnection, options: IntroduceOptions): Promise<EdgeHandshakeResult>;
  /** Puts the lane to use, or closes it and says why. */
  onAccepted(keeper: LaneKeeper, lane: AcceptedLane): DialFailure | null;
  onFailed(trouble: { route: LaneRoute | null; failure: DialFailure; reason: string }): void;
  /** Our own code failed. */
  onFault(cause: unknown): void;
}

export class LaneKeeper {
  readonly #options: LaneKeeperOptions;
  readonly #dials = new Map<PlannedDial, AbortController>();
  readonly #lanes = new Map<LaneDriver, PlannedLane>();
  readonly #stop = new AbortController();
  /** Connections that are being made or introduced. */
  readonly #underWay = new Set<Promise<void>>();
  #session: KeptSession | null = null;
  /** Settles when the lane that may begin the session has been let in or not. */
  #founding: Promise<void> | null = null;
  #stopTimer = () => {};

  constructor(options: LaneKeeperOptions) {
    this.#options = options;
  }

  /** Null until the first lane is let in. */
  get session(): KeptSession | null {
    return this.#session;
  }

  begin(session: KeptSession): void {
    assert(this.#session === null, "a keeper keeps one session");
    this.#session = session;
  }

  /** Does what is due. To be called once at the start; later calls do no harm. */
  update(): void {
    if (this.#stop.signal.aborted) return;
    const { plan, clock } = this.#options;
    const looksAt = this.#look(clock.now());
    for (let step = plan.next(clock.now()); step !== null; step = plan.next(clock.now())) this.#take(step);
    this.#stopTimer();
    const at = Math.min(plan.nextTimeout ?? Infinity, looksAt);
    this.#stopTimer = at === Infinity
      ? () => {}
      : clock.after(Math.max(0, Math.ceil(at - clock.now())), () => this.update());
  }

  /** Adds a lane to the session; false (and the connection closed) if the session takes no more. */
  attach({ connection, route, handshake }: AcceptedLane): boolean {
    const { plan, clock } = this.#options;
    assert(this.#session !== null, "a lane needs a session");
    const { driver } = this.#session;
    const lane = driver.addLane(connection, handshake.leftover);
    if (lane === null) return false;
    const planned: PlannedLane = {
      transport: connection.transport,
      route,
      get isIdle() {
        return lane.lane.carries === "nothing";
      },
    };
    this.#lanes.set(lane, planned);
    plan.opened(planned, clock.now());
    if (![...driver.lanes].includes(lane)) this.laneClosed(lane);
    return true;
  }

  /** A connection that the core dialled joins the session, or begins it. */
  async accept(connection: LaneConnection): Promise<void> {
    await this.#own(this.#introduce(connection, { dial: null, signal: this.#stop.signal }));
  }

  /** True if the lane was in use: it is lost. */
  laneClosed(lane: LaneDriver): boolean {
    const planned = this.#lanes.get(lane);
    if (planned === undefined) return false;
    this.#lanes.delete(lane);
    this.#options.plan.lost(planned, this.#options.clock.now());
    this.update();
    return true;
  }

  /** The session takes no new streams: a lane is enough for it. */
  drain(): void {
    this.#options.plan.drain();
    this.update();
  }

  /** Dials no more; what the lanes do is the session's business. Resolves when nothing is under way. */
  async stop(): Promise<void> {
    if (!this.#stop.signal.aborted) {
      this.#stop.abort();
      this.#stopTimer();
      for (const dialling of this.#dials.values()) dialling.abort();
      this.#dials.clear();
      const lost = [...this.#lanes.values()];
      this.#lanes.clear();
      for (const lane of lost) this.#options.plan.lost(lane, this.#options.clock.now());
    }
    await Promise.all(this.#underWay);
  }

  /** Tells the plan which lanes are silent; returns when to look again, Infinity while there is none. */
  #look(now: number): number {
    let looksAt = Infinity;
    if (this.#session === null) return looksAt;
    const { plan } = this.#options;
    const { pingIntervalMs } = this.#session;
    for (const [{ lane }, planned] of this.#lanes) {
      const at = silentAt(lane, pingIntervalMs);
      if (now >= at) plan.silenced(planned, now);
      else plan.heard(planned, now);
      looksAt = Math.min(looksAt, now >= at ? now + pingIntervalMs : at);
    }
    return looksAt;
  }

  #take(step: LaneStep): void {
    switch (step.kind) {
      case "dial":
        return void this.#own(this.#dial(step.dial));
      case "abandon":
        this.#dials.get(step.dial)?.abort();
        return void this.#dials.delete(step.dial);
      case "retire":
        return this.#retire(step.lane);
    }
  }

  #retire(planned: PlannedLane): void {
    for (const [lane, other] of this.#lanes) {
      if (other !== planned) continue;
      this.#lanes.delete(lane);
      lane.retire();
    }
  }

  async #own(work: Promise<void>): Promise<void> {
    const owned = work.catch((cause) => this.#options.onFault(cause));
    this.#underWay.add(owned);
    await owned;
    this.#underWay.delete(owned);
  }

  async #dial(dial: PlannedDial): Promise<void> {
    const stop = new AbortController();
    this.#dials.set(dial, stop);
    const { signal } = stop;
    let connection: LaneConnection;
    try {
      connection = await this.#options.dial(dial.route, signal);
    } catch (error) {
      if (!(error instanceof LaneDialError)) throw error;
      if (!signal.aborted) this.#failed(dial, dialFailureOf(error.failure), describeError(error));
      return;
    }
    await this.#introduce(connection, { dial, signal });
  }

  async #introduce(
    connection: LaneConnection,
    { dial, signal }: { dial: PlannedDial | null; signal: AbortSignal },
  ): Promise<void> {
    while (this.#session === null && this.#founding !== null) await this.#founding;
    if (signal.aborted) return connection.close();
    const asked = this.#session;
    const founding = Promise.withResolvers<void>();
    if (asked === null) this.#founding = founding.promise;
    try {
      const result = await this.#options.introduce(connection, { sessionId: asked?.id ?? null, signal });
      // A connection that was refused, or given up within the handshake, is closed.
      if (result.kind === "refused" && signal.aborted) return;
      if (signal.aborted) return connection.close();
      if (result.kind === "refused") this.#failed(dial, refusalOf(result.reason), result.reason);
      else this.#accepted(dial, { connection, route: dial?.route ?? null, asked, handshake: result });
    } finally {
      if (asked === null) this.#founding = null;
      founding.resolve();
    }
  }

  #accepted(dial: PlannedDial | null, lane: AcceptedLane): void {
    if (dial !== null) this.#options.plan.settled(dial);
    const failure = this.#options.onAccepted(this, lane);
    if (failure !== null) return this.#failed(dial, failure, "the lane does not belong to the session");
    if (dial !== null) this.#dials.delete(dial);
    this.update();
  }

  #failed(dial: PlannedDial | null, failure: DialFailure, reason: string): void {
    this.#options.onFailed({ route: dial?.route ?? null, failure, reason });
    if (dial !== null) {
      this.#dials.delete(dial);
      this.#options.plan.failed(dial, { failure, now: this.#options.clock.now() });
    }
    this.update();
  }
}
