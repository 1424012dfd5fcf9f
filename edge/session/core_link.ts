/**
 * The edge's relation to one core: keeps a session with it that has lanes, and a new one when that is gone.
 *
 * A session outlives its lanes: each further lane asks to join it, and only if the core no longer knows it do its streams
 * end as lost. When the core drains, its session takes no more streams but keeps a lane until the last has ended, while a
 * new session is dialled beside it. So there is one session that takes new streams, or none, and any number that drain.
 */
import type { Clock } from "../../shared/clock/clock.ts";
import type { AnswerReceiver, RequestHead, RequestReceiver } from "../../shared/exchange/exchange.ts";
import type { GrantedLimits } from "../../shared/handshake/granted_limits.ts";
import type { PeerSigner } from "../../shared/handshake/peer_signer.ts";
import { performEdgeHandshake } from "../../shared/handshake/perform_edge_handshake.ts";
import { describeError, type Logger } from "../../shared/observe/logger.ts";
import type { StallWatch } from "../../shared/observe/stall_watch.ts";
import type { LaneDriver } from "../../shared/session/lane_driver.ts";
import { SessionDriver, type SessionEnd } from "../../shared/session/session_driver.ts";
import type { SessionWatcher } from "../../shared/session/session_watcher.ts";
import type { LaneConnection } from "../../shared/transport/lane_connection.ts";
import { silentAt } from "../../shared/tunnel/lane_choice.ts";
import type { RedundancyOptions } from "../../shared/tunnel/redundancy.ts";
import type { SessionLimits } from "../../shared/tunnel/session_limits.ts";
import { DialTally } from "./dial_tally.ts";
import { type AcceptedHandshake, type AcceptedLane, type KeptSession, LaneKeeper } from "./lane_keeper.ts";
import { LanePlan } from "./lane_plan.ts";
import { type DialFailure, type LaneRoute, LaneRoutes } from "./lane_routes.ts";
import { relayExchange } from "./relayed_exchange.ts";

/** A lane that lived so long makes the next wait small again. */
const STABLE_AFTER_MS = 5_000;

/** How to reach a core. */
export interface CoreWays {
  /** By preference. */
  readonly routes: readonly LaneRoute[];
  /** Rejects with a `LaneDialError`. */
  dial(route: LaneRoute, signal: AbortSignal): Promise<LaneConnection>;
}

const NO_WAYS: CoreWays = {
  routes: [],
  dial: () => Promise.reject(new TypeError("this core is not dialled")),
};

export interface CoreLinkOptions {
  /** The core's name, for logs and metrics. */
  readonly name: string;
  readonly edgeName: string;
  /** The name that the core's certificate must bear; of a core that dials this edge, `dialledByName`. */
  readonly serverName: string;
  /** Null: the core dials this edge. */
  readonly ways: CoreWays | null;
  /** Lanes that are kept. */
  readonly lanes: number;
  readonly backoff: { readonly initialMs: number; readonly maxMs: number };
  readonly sign: PeerSigner;
  readonly limits: SessionLimits;
  readonly redundancy: RedundancyOptions;
  readonly clock: Clock;
  readonly log: Logger;
  readonly watcher: SessionWatcher;
  /** Null: exchanges are not watched. */
  readonly stalls: StallWatch | null;
  /** @default 5000 */
  readonly stableAfterMs?: number;
  /** Evenly distributed in [0, 1). */
  random(): number;
  /** The session for new streams has a lane (again). */
  onUp(): void;
  /** A stream can be opened again, after {@linkcode CoreLink.open} gave null for want of room. */
  onRoom(): void;
}

/** Counted since the start. */
export interface CoreLinkCounters {
  lanesOpened: number;
  lanesLost: number;
  sessionsResumed: number;
  sessionsLost: number;
}

export class CoreLink {
  readonly #options: CoreLinkOptions;
  readonly #routes: LaneRoutes;
  readonly dials: DialTally;
  readonly #keepers = new Map<LaneKeeper, Promise<void> | null>();
  readonly #sessions = new Set<KeptSession>();
  /** Keeps the session for new streams, or waits for it; null while the edge drains. */
  #current: LaneKeeper | null = null;
  #allEnded = () => {};
  readonly counters: CoreLinkCounters = { lanesOpened: 0, lanesLost: 0, sessionsResumed: 0, sessionsLost: 0 };

  constructor(options: CoreLinkOptions) {
    this.#options = options;
    const { name, log, backoff } = options;
    const { routes } = options.ways ?? NO_WAYS;
    this.dials = new DialTally({ peer: name, routes, log });
    this.#routes = new LaneRoutes({
      routes,
      initialBackoffMs: backoff.initialMs,
      maxBackoffMs: backoff.maxMs,
      stableAfterMs: options.stableAfterMs ?? STABLE_AFTER_MS,
      random: options.random,
      onUdpChange: (isBlocked) => log[isBlocked ? "warn" : "info"]("tunnel_udp", { peer: name, isBlocked }),
    });
  }

  get name(): string {
    return this.#options.name;
  }

  /** True while a lane carries the session that takes new streams. */
  get isUp(): boolean {
    return (this.session?.laneCount ?? 0) > 0;
  }

  /** True while a lane of that session brings something. */
  get isHeard(): boolean {
    const session = this.#current?.session ?? null;
    if (session === null) return false;
    const now = this.#options.clock.now();
    return [...session.driver.lanes].some(({ lane }) => now <= silentAt(lane, session.pingIntervalMs));
  }

  /** Null: there are no QUIC addresses. */
  get isUdpBlocked(): boolean | null {
    return this.#routes.of("quic").length === 0 ? null : this.#routes.isUdpBlocked;
  }

  /** The session that takes new streams, or null. */
  get session(): SessionDriver | null {
    return this.#current?.session?.driver ?? null;
  }

  /** What carries tokens now; null while nothing does. */
  get transport(): string | null {
    const lanes = [...(this.session?.lanes ?? [])];
    const carrier = lanes.find(({ lane }) => lane.carries === "tokens" || lane.carries === "both");
    return (carrier ?? lanes[0])?.transport ?? null;
  }

  /** Begins to dial. */
  start(): void {
    this.#renew();
  }

  /** Starts an exchange; null while no lane is up or the session takes no stream. */
  open(request: RequestHead, answer: AnswerReceiver): RequestReceiver | null {
    const driver = this.session;
    if (driver === null || driver.laneCount === 0) return null;
    return relayExchange(driver, request, answer, { stalls: this.#options.stalls });
  }

  /**
   * Takes a connection that the core dialled and proved itself on: proves this edge and adds it to the session. Resolves when
   * that is done or has failed; never rejects.
   */
  async acceptLane(connection: LaneConnection): Promise<void> {
    const home = this.session === null
      ? [...this.#keepers.keys()].find(({ session }) => session?.driver.laneCount === 0) ?? this.#current
      : this.#current;
    if (home === null) connection.close();
    else await home.accept(connection);
  }

  /** Opens no more streams; resolves when the live ones have ended or `signal` fires; then everything is closed. */
  async drain(signal: AbortSignal): Promise<void> {
    const current = this.#current;
    this.#current = null;
    if (current?.session === null) this.#drop(current);
    else current?.drain();
    for (const { driver } of this.#sessions) driver.goaway();
    if (this.#sessions.size > 0 && !signal.aborted) {
      const ended = new AbortController();
      await new Promise<void>((resolve) => {
        this.#allEnded = resolve;
        signal.addEventListener("abort", () => resolve(), { once: true, signal: ended.signal });
      });
      ended.abort();
    }
    const drivers = [...this.#sessions].map(({ driver }) => driver);
    for (const keeper of this.#keepers.keys()) this.#drop(keeper);
    for (const driver of drivers) driver.close();
    await Promise.all([...drivers.map((driver) => driver.gone), ...this.#keepers.values()]);
  }

  /** A keeper for the next session. */
  #renew(): void {
    const { edgeName, serverName, sign, clock, random, lanes } = this.#options;
    const { dial } = this.#options.ways ?? NO_WAYS;
    const keeper = new LaneKeeper({
      plan: new LanePlan({ routes: this.#routes, lanes, random }),
      clock,
      dial,
      introduce: (connection, options) =>
        performEdgeHandshake(connection, { ...options, edgeName, serverName, sign, clock }),
      onAccepted: (from, lane) => this.#accepted(from, lane),
      onFailed: (trouble) => this.dials.failed(trouble),
      onFault: (cause) => this.#fault(cause),
    });
    this.#keepers.set(keeper, null);
    this.#current = keeper;
    keeper.update();
  }

  #accepted(keeper: LaneKeeper, lane: AcceptedLane): DialFailure | null {
    const { asked, handshake } = lane;
    const isResumed = asked !== null && handshake.resumed;
    let home = keeper;
    if (asked !== null && !isResumed) {
      if (!this.#isLost(asked, handshake)) return this.#turnDown(lane, "elsewhere");
      this.#forget(keeper, asked);
      // A lane that was to resume a session brought a new one.
      if (this.#current === null) return this.#turnDown(lane, "elsewhere");
      home = this.#current;
    }
    if (!isResumed) {
      if (home.session !== null) return this.#turnDown(lane, "elsewhere");
      home.begin(this.#begin(handshake, home));
    }
    if (!home.attach(lane)) return "protocol";
    this.#opened(home, lane);
    if (home !== keeper) home.update();
    return null;
  }

  #opened(home: LaneKeeper, { connection, route, handshake }: AcceptedLane): void {
    this.dials.opened(route);
    this.counters.lanesOpened++;
    const driver = home.session?.driver;
    if (handshake.resumed && driver?.laneCount === 1) this.counters.sessionsResumed++;
    this.#options.log.info("tunnel_lane_up", {
      peer: this.name,
      transport: connection.transport,
      address: connection.remoteAddress,
      resumed: handshake.resumed,
      lanes: driver?.laneCount,
      streams: driver?.streamCount,
    });
    if (home === this.#current && driver?.laneCount === 1) this.#options.onUp();
  }

  /**
   * Whether the session that the core does not know is lost; false: this is another process behind the same address, and
   * the session's own lanes still bring something.
   */
  #isLost({ driver, coreInstanceId }: KeptSession, handshake: AcceptedHandshake): boolean {
    if (handshake.coreInstanceId.every((byte, index) => byte === coreInstanceId[index])) return true;
    // A core that drains may share its addresses with its successor.
    if (driver.state === "draining") return false;
    const now = this.#options.clock.now();
    const silentAfterMs = handshake.limits.pingIntervalMs * 1.5;
    return [...driver.lanes].every(({ lane }) => now - lane.lastReceivedAt > silentAfterMs);
  }

  /** The core began a session that nobody needs. */
  #turnDown(lane: AcceptedLane, failure: DialFailure): DialFailure {
    const session = this.#begin(lane.handshake, null);
    session.driver.addLane(lane.connection, lane.handshake.leftover);
    session.driver.close();
    return failure;
  }

  /** The core no longer knows the session: its streams are lost. */
  #forget(keeper: LaneKeeper, session: KeptSession): void {
    this.counters.sessionsLost++;
    this.#drop(keeper);
    session.driver.close();
    if (this.#current === keeper) this.#renew();
  }

  /** @param keeper null: nobody keeps it */
  #begin({ sessionId, limits, coreInstanceId }: AcceptedHandshake, keeper: LaneKeeper | null): KeptSession {
    const { clock, redundancy, watcher } = this.#options;
    const driver: SessionDriver = new SessionDriver({
      role: "edge",
      limits: agreedLimits(this.#options.limits, limits),
      redundancy,
      clock,
      accept: () => {},
      onRoom: () => this.#options.onRoom(),
      onLaneClosed: (lane, cause) => {
        watcher.laneClosed(driver, lane);
        this.#laneClosed(keeper, { driver, lane, cause });
      },
      onGoaway: () => this.#retire(session, keeper),
      onNotice: (notice) => watcher.noticed(driver, notice),
      onFault: (cause) => this.#fault(cause),
      onEnded: (end) => this.#ended(session, { keeper, end }),
    });
    const session: KeptSession = {
      id: sessionId,
      coreInstanceId,
      pingIntervalMs: limits.pingIntervalMs,
      driver,
    };
    watcher.follow(driver, { peer: this.name });
    this.#sessions.add(session);
    return session;
  }

  /** The core drains: the session's streams go on, and a new session is dialled beside it. */
  #retire({ driver }: KeptSession, keeper: LaneKeeper | null): void {
    this.#options.log.info("tunnel_goaway", { peer: this.name, streams: driver.streamCount });
    keeper?.drain();
    if (keeper !== null && this.#current === keeper) this.#renew();
  }

  #laneClosed(
    keeper: LaneKeeper | null,
    { driver, lane, cause }: { driver: SessionDriver; lane: LaneDriver; cause: unknown },
  ): void {
    const isLost = keeper?.laneClosed(lane) ?? false;
    if (!isLost || driver.state === "ended") return;
    this.counters.lanesLost++;
    this.#options.log.warn("tunnel_lane_lost", {
      peer: this.name,
      transport: lane.transport,
      reason: describeError(cause),
      lanes: driver.laneCount,
      streams: driver.streamCount,
    });
  }

  #ended(session: KeptSession, { keeper, end }: { keeper: LaneKeeper | null; end: SessionEnd }): void {
    const { log, clock } = this.#options;
    log[end.kind === "error" ? "error" : "info"]("tunnel_session_ended", { peer: this.name, ...end });
    if (end.kind !== "closed") this.counters.sessionsLost++;
    this.#sessions.delete(session);
    if (keeper !== null) this.#drop(keeper);
    // A core that drained is gone now, and another may be in its place.
    this.#routes.release(clock.now());
    if (keeper !== null && this.#current === keeper) this.#renew();
    else this.#current?.update();
    if (this.#sessions.size === 0) this.#allEnded();
  }

  #drop(keeper: LaneKeeper): void {
    const stopped = keeper.stop().then(() => void this.#keepers.delete(keeper));
    if (this.#keepers.has(keeper)) this.#keepers.set(keeper, stopped);
  }

  #fault(cause: unknown): void {
    this.#options.log.error("tunnel_fault", { peer: this.name, reason: describeError(cause) });
  }
}

function agreedLimits(own: SessionLimits, granted: GrantedLimits): SessionLimits {
  return { ...own, ...granted, maxStreams: Math.min(granted.maxStreams, own.maxStreams) };
}
