/**
 * Keeps one session with a core: dials a lane, proves who this edge is, and dials again whenever the lane is gone.
 *
 * The session outlives its lanes: a new lane asks to resume it, and only if the core no longer knows it do its streams
 * end as lost. One lane at a time; `SessionDriver` takes more.
 */
import type { Clock } from "../../shared/clock/clock.ts";
import type { AnswerReceiver, RequestHead, RequestReceiver } from "../../shared/exchange/exchange.ts";
import type { GrantedLimits } from "../../shared/handshake/granted_limits.ts";
import type { EdgeSigner } from "../../shared/handshake/edge_signer.ts";
import {
  type EdgeHandshakeResult,
  performEdgeHandshake,
} from "../../shared/handshake/perform_edge_handshake.ts";
import type { Logger } from "../../shared/observe/logger.ts";
import type { LaneDriver } from "../../shared/session/lane_driver.ts";
import { SessionDriver } from "../../shared/session/session_driver.ts";
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
  /** A lane is up (again). */
  onUp(): void;
  /** A stream ended: another may have room. */
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

interface Current {
  readonly id: Uint8Array;
  readonly driver: SessionDriver;
}

export class TunnelClient {
  readonly #options: TunnelClientOptions;
  readonly #stop = new AbortController();
  #current: Current | null = null;
  /** Sessions that drain or whose end is still to come. */
  readonly #old = new Set<SessionDriver>();
  #lane: LaneDriver | null = null;
  #laneGone: (() => void) | null = null;
  #isDraining = false;
  #allEnded: (() => void) | null = null;
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
    const { clock, backoff, log } = this.#options;
    while (!this.#stop.signal.aborted) {
      const startedAt = clock.now();
      const isUp = await this.#dialLane();
      if (isUp) {
        await this.#laneIsGone();
        if (clock.now() - startedAt >= this.#options.stableAfterMs) backoff.succeeded();
      }
      if (this.#stop.signal.aborted) return;
      const delayMs = backoff.nextDelayMs();
      log.info("tunnel_redial", { delayMs: Math.round(delayMs), failures: backoff.failures });
      await this.#sleep(delayMs);
    }
  }

  /** True while a lane carries the session. */
  get isUp(): boolean {
    return this.#lane !== null;
  }

  /** What carries the session now; null while nothing does. */
  get transport(): string | null {
    return this.#lane?.transport ?? null;
  }

  /** The current session, or null before the first and after a loss. */
  get session(): SessionDriver | null {
    return this.#current?.driver ?? null;
  }

  /** Starts an exchange; null while no lane is up or the session takes no stream. */
  open(request: RequestHead, answer: AnswerReceiver): RequestReceiver | null {
    if (this.#current === null || this.#lane === null || this.#isDraining) return null;
    return relayExchange(this.#current.driver, { request, answer, onOver: this.#options.onRoom });
  }

  /** Opens no more streams; resolves when the live ones have ended or `signal` fires; then everything is closed. */
  async drain(signal: AbortSignal): Promise<void> {
    this.#isDraining = true;
    const drivers = [...this.#old, ...(this.#current === null ? [] : [this.#current.driver])];
    for (const driver of drivers) {
      this.#old.add(driver);
      driver.goaway();
    }
    this.#current = null;
    if (this.#old.size > 0 && !signal.aborted) {
      await new Promise<void>((resolve) => {
        this.#allEnded = resolve;
        signal.addEventListener("abort", () => resolve(), { once: true });
      });
    }
    this.#stop.abort();
    for (const driver of this.#old) driver.close();
    this.#laneGone?.();
    await Promise.all(drivers.map((driver) => driver.gone));
  }

  async #dialLane(): Promise<boolean> {
    const { log, clock } = this.#options;
    this.counters.dials++;
    let connection: LaneConnection;
    try {
      connection = await this.#options.dial(this.#stop.signal);
    } catch (error) {
      if (this.#stop.signal.aborted) return false;
      this.counters.dialFailures++;
      log.warn("tunnel_dial_failed", { reason: error instanceof Error ? error.message : String(error) });
      return false;
    }
    const handshake = await performEdgeHandshake(connection, {
      edgeName: this.#options.edgeName,
      serverName: this.#options.serverName,
      sessionId: this.#current?.driver.state === "open" ? this.#current.id : null,
      sign: this.#options.sign,
      clock,
      signal: this.#stop.signal,
    });
    if (handshake.kind === "refused") {
      if (this.#stop.signal.aborted) return false;
      this.counters.handshakesRefused++;
      log.warn("tunnel_handshake_refused", { reason: handshake.reason, transport: connection.transport });
      return false;
    }
    return this.#join(connection, handshake);
  }

  #join(
    connection: LaneConnection,
    handshake: Extract<EdgeHandshakeResult, { kind: "accepted" }>,
  ): boolean {
    const { log } = this.#options;
    let current = this.#current;
    if (!handshake.resumed || current === null || current.driver.state !== "open") {
      if (current !== null) this.#forget(current.driver);
      current = { id: handshake.sessionId, driver: this.#newSession(handshake.limits) };
      this.#current = current;
    } else this.counters.sessionsResumed++;
    const lane = current.driver.addLane(connection, handshake.leftover);
    if (lane === null) return false;
    this.#lane = lane;
    this.counters.lanesOpened++;
    log.info("tunnel_up", {
      transport: connection.transport,
      core: connection.remoteAddress,
      resumed: handshake.resumed,
      streams: current.driver.streamCount,
    });
    this.#options.onUp();
    return true;
  }

  #newSession(granted: GrantedLimits): SessionDriver {
    const { log, clock } = this.#options;
    const limits: SessionLimits = {
      ...this.#options.limits,
      ...granted,
      maxStreams: Math.min(granted.maxStreams, this.#options.limits.maxStreams),
    };
    const driver: SessionDriver = new SessionDriver({
      role: "edge",
      limits,
      clock,
      accept: () => {},
      onLaneClosed: (lane, cause) => this.#laneClosed(lane, cause),
      onGoaway: () => {
        log.info("tunnel_goaway", { streams: driver.streamCount });
        this.#retire(driver);
      },
      onEnded: (end) => {
        log[end.kind === "error" ? "error" : "info"]("tunnel_session_ended", { ...end });
        if (end.kind !== "closed") this.counters.sessionsLost++;
        if (this.#current?.driver === driver) this.#current = null;
        this.#old.delete(driver);
        if (this.#old.size === 0) this.#allEnded?.();
      },
    });
    return driver;
  }

  /** The core no longer knows the session: its streams are lost. */
  #forget(driver: SessionDriver): void {
    this.counters.sessionsLost++;
    driver.close();
  }

  /** The core drains: the session's streams go on, and a new session is dialled beside it. */
  #retire(driver: SessionDriver): void {
    if (this.#current?.driver !== driver) return;
    this.#old.add(driver);
    this.#current = null;
    this.#lane = null;
    this.#laneGone?.();
  }

  #laneClosed(lane: LaneDriver, cause: unknown): void {
    if (this.#lane !== lane) return;
    this.#lane = null;
    this.counters.lanesLost++;
    this.#options.log.warn("tunnel_lane_lost", {
      reason: cause instanceof Error ? cause.message : String(cause),
      streams: this.#current?.driver.streamCount ?? 0,
    });
    this.#laneGone?.();
  }

  #laneIsGone(): Promise<void> {
    if (this.#lane === null) return Promise.resolve();
    return new Promise((resolve) => {
      this.#laneGone = resolve;
    });
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#options.clock.after(ms, resolve);
      this.#stop.signal.addEventListener("abort", () => {
        cancel();
        resolve();
      }, { once: true });
    });
  }
}
