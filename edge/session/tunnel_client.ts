/**
 * Keeps one session with a core: dials a lane, proves who this edge is, and dials again whenever the lane is gone.
 *
 * A session outlives its lanes: a new lane asks to resume it, and only if the core no longer knows it do its streams end
 * as lost. When the core drains, its session takes no more streams but keeps a lane until the last has ended, while a new
 * session is dialled beside it. One lane a session; `SessionDriver` takes more. Dials happen one after another, with one
 * back-off for all, so that a core that turns this edge away is never flooded.
 */
import type { Clock } from "../../shared/clock/clock.ts";
import type { AnswerReceiver, RequestHead, RequestReceiver } from "../../shared/exchange/exchange.ts";
import type { GrantedLimits } from "../../shared/handshake/granted_limits.ts";
import type { EdgeSigner } from "../../shared/handshake/edge_signer.ts";
import {
  type EdgeHandshakeResult,
  performEdgeHandshake,
} from "../../shared/handshake/perform_edge_handshake.ts";
import { describeError, type Logger } from "../../shared/observe/logger.ts";
import { SessionDriver, type SessionEnd } from "../../shared/session/session_driver.ts";
import type { LaneConnection } from "../../shared/transport/lane_connection.ts";
import type { SessionLimits } from "../../shared/tunnel/session_limits.ts";
import type { Backoff } from "./backoff.ts";
import { relayExchange } from "./relayed_exchange.ts";

export interface TunnelClientOptions {
  readonly edgeName: string;
  readonly serverName: string;
  readonly sign: EdgeSigner;
  readonly limits: SessionLimits;
  readonly clock: Clock;
  readonly log: Logger;
  readonly backoff: Backoff;
  /** A lane that lived so long counts as a success: the next wait begins small again. */
  readonly stableAfterMs: number;
  /** Opens one transport connection to the core. */
  dial(signal: AbortSignal): Promise<LaneConnection>;
  /** The session for new streams has a lane (again). */
  onUp(): void;
  /** A stream can be opened again, after {@linkcode TunnelClient.open} gave null for want of room. */
  onRoom(): void;
}

/** Counted since the start. */
export interface TunnelClientCounters {
  dials: number;
  dialFailures: number;
  handshakesRefused: number;
  lanesOpened: number;
  lanesLost: number;
  sessionsResumed: number;
  sessionsLost: number;
}

interface KeptSession {
  readonly id: Uint8Array;
  readonly driver: SessionDriver;
}

type AcceptedHandshake = Extract<EdgeHandshakeResult, { kind: "accepted" }>;

export class TunnelClient {
  readonly #options: TunnelClientOptions;
  readonly #stop = new AbortController();
  /** Those that drain included. */
  readonly #sessions = new Set<KeptSession>();
  /** Takes new streams; null before the first, after a loss, and while the core drains. */
  #current: KeptSession | null = null;
  /** When the latest lane came up; null once its age has been judged. */
  #upAt: number | null = null;
  #isDraining = false;
  /** Called when a session or a lane ended. */
  #changed = () => {};
  #allEnded = () => {};
  readonly counters: TunnelClientCounters = {
    dials: 0,
    dialFailures: 0,
    handshakesRefused: 0,
    lanesOpened: 0,
    lanesLost: 0,
    sessionsResumed: 0,
    sessionsLost: 0,
  };

  constructor(options: TunnelClientOptions) {
    this.#options = options;
  }

  /** Begins to dial; resolves when the client was stopped. */
  async run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      for (const wanted of this.#laneless()) {
        // A lane that was to resume an old session may have brought a new one meanwhile.
        if (this.#laneless().includes(wanted)) await this.#openLane(wanted);
      }
      while (this.#laneless().length === 0 && !this.#stop.signal.aborted) await this.#change();
      await this.#backOff();
    }
  }

  /** True while a lane carries the session that takes new streams. */
  get isUp(): boolean {
    return this.#current !== null && this.#current.driver.laneCount > 0;
  }

  /** What carries the session now; null while nothing does. */
  get transport(): string | null {
    for (const lane of this.#current?.driver.lanes ?? []) return lane.transport;
    return null;
  }

  /** The session that takes new streams, or null. */
  get session(): SessionDriver | null {
    return this.#current?.driver ?? null;
  }

  /** Starts an exchange; null while no lane is up or the session takes no stream. */
  open(request: RequestHead, answer: AnswerReceiver): RequestReceiver | null {
    const driver = this.#current?.driver;
    return driver === undefined || driver.laneCount === 0 ? null : relayExchange(driver, request, answer);
  }

  /** Opens no more streams; resolves when the live ones have ended or `signal` fires; then everything is closed. */
  async drain(signal: AbortSignal): Promise<void> {
    this.#isDraining = true;
    this.#current = null;
    for (const { driver } of this.#sessions) driver.goaway();
    if (this.#sessions.size > 0 && !signal.aborted) {
      await new Promise<void>((resolve) => {
        this.#allEnded = resolve;
        signal.addEventListener("abort", () => resolve(), { once: true, signal: this.#stop.signal });
      });
    }
    this.#stop.abort();
    const drivers = [...this.#sessions].map(({ driver }) => driver);
    for (const driver of drivers) driver.close();
    this.#changed();
    await Promise.all(drivers.map((driver) => driver.gone));
  }

  /** Sessions that need a lane; null: a new one is needed. */
  #laneless(): (KeptSession | null)[] {
    const laneless: (KeptSession | null)[] = [...this.#sessions].filter(({ driver }) =>
      driver.laneCount === 0 && driver.state !== "ended"
    );
    if (this.#current === null && !this.#isDraining) laneless.push(null);
    return laneless;
  }

  async #openLane(wanted: KeptSession | null): Promise<void> {
    if (this.#stop.signal.aborted) return;
    const { log } = this.#options;
    this.counters.dials++;
    let connection: LaneConnection;
    try {
      connection = await this.#options.dial(this.#stop.signal);
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      this.counters.dialFailures++;
      log.warn("tunnel_dial_failed", { reason: describeError(error) });
      return;
    }
    try {
      const handshake = await this.#handshake(connection, wanted);
      if (handshake.kind === "accepted") return this.#join(connection, { handshake, wanted });
      if (this.#stop.signal.aborted) return;
      this.counters.handshakesRefused++;
      log.warn("tunnel_handshake_refused", { reason: handshake.reason, transport: connection.transport });
    } catch (error) {
      log.error("tunnel_fault", { reason: describeError(error) });
    }
  }

  #handshake(connection: LaneConnection, wanted: KeptSession | null): Promise<EdgeHandshakeResult> {
    const { edgeName, serverName, sign, clock } = this.#options;
    const { signal } = this.#stop;
    return performEdgeHandshake(connection, {
      edgeName,
      serverName,
      sessionId: wanted?.id ?? null,
      sign,
      clock,
      signal,
    });
  }

  #join(
    connection: LaneConnection,
    { handshake, wanted }: { handshake: AcceptedHandshake; wanted: KeptSession | null },
  ): void {
    const isResumed = handshake.resumed && wanted !== null;
    if (wanted !== null && !isResumed) this.#forget(wanted);
    const session = isResumed ? wanted : this.#begin(handshake);
    if (session.driver.addLane(connection, handshake.leftover) === null) return;
    this.#upAt = this.#options.clock.now();
    this.counters.lanesOpened++;
    if (isResumed) this.counters.sessionsResumed++;
    this.#options.log.info("tunnel_up", {
      transport: connection.transport,
      core: connection.remoteAddress,
      resumed: isResumed,
      streams: session.driver.streamCount,
    });
    if (session === this.#current) this.#options.onUp();
    // The core gave a new session in place of one that drained, and nobody needs it.
    else if (!isResumed) session.driver.close();
  }

  #begin({ sessionId, limits }: AcceptedHandshake): KeptSession {
    const { log, clock } = this.#options;
    const session: KeptSession = {
      id: sessionId,
      driver: new SessionDriver({
        role: "edge",
        limits: agreedLimits(this.#options.limits, limits),
        clock,
        accept: () => {},
        onRoom: () => this.#options.onRoom(),
        onLaneClosed: (_lane, cause) => this.#laneClosed(session, cause),
        onGoaway: () => this.#retire(session),
        onFault: (cause) => log.error("tunnel_fault", { reason: describeError(cause) }),
        onEnded: (end) => this.#ended(session, end),
      }),
    };
    this.#sessions.add(session);
    if (this.#current === null && !this.#isDraining) this.#current = session;
    return session;
  }

  /** The core no longer knows the session: its streams are lost. */
  #forget(session: KeptSession): void {
    this.counters.sessionsLost++;
    if (this.#current === session) this.#current = null;
    session.driver.close();
  }

  /** The core drains: the session's streams go on, and a new session is dialled beside it. */
  #retire(session: KeptSession): void {
    this.#options.log.info("tunnel_goaway", { streams: session.driver.streamCount });
    if (this.#current === session) this.#current = null;
    this.#changed();
  }

  #laneClosed({ driver }: KeptSession, cause: unknown): void {
    if (driver.state === "ended") return;
    this.counters.lanesLost++;
    this.#options.log.warn("tunnel_lane_lost", { reason: describeError(cause), streams: driver.streamCount });
    this.#changed();
  }

  #ended(session: KeptSession, end: SessionEnd): void {
    this.#options.log[end.kind === "error" ? "error" : "info"]("tunnel_session_ended", { ...end });
    if (end.kind !== "closed") this.counters.sessionsLost++;
    if (this.#current === session) this.#current = null;
    this.#sessions.delete(session);
    this.#changed();
    if (this.#sessions.size === 0) this.#allEnded();
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#changed = resolve);
  }

  /** Waits as long as it takes not to flood the core; a lane that had lived long makes the wait short. */
  async #backOff(): Promise<void> {
    const { clock, backoff, log, stableAfterMs } = this.#options;
    const { signal } = this.#stop;
    if (signal.aborted) return;
    if (this.#upAt !== null && clock.now() - this.#upAt >= stableAfterMs) backoff.succeeded();
    this.#upAt = null;
    const delayMs = backoff.nextDelayMs();
    log.info("tunnel_redial", { delayMs: Math.round(delayMs), failures: backoff.failures });
    await new Promise<void>((resolve) => {
      const cancel = clock.after(delayMs, () => {
        signal.removeEventListener("abort", stop);
        resolve();
      });
      const stop = () => {
        cancel();
        resolve();
      };
      signal.addEventListener("abort", stop, { once: true });
    });
  }
}

function agreedLimits(own: SessionLimits, granted: GrantedLimits): SessionLimits {
  return { ...own, ...granted, maxStreams: Math.min(granted.maxStreams, own.maxStreams) };
}
