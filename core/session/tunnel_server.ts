/**
 * The core's side of all sessions: takes lanes from trusted edges and joins each to the session it asks for, or to a
 * new one.
 *
 * Invariant: a session belongs to the edge that proved its name when it began; asking for another edge's session, or
 * for one that is gone, gives a new one. Sessions of one edge are bounded; above the bound a lane is turned away. A core
 * that drains begins none, but what lives may still be resumed.
 */
import type { Clock } from "../../shared/clock/clock.ts";
import type { ExchangeHandler } from "../../shared/exchange/exchange.ts";
import type { Admission, TrustedEdge } from "../../shared/handshake/core_handshake.ts";
import type { EdgeKeys } from "../../shared/handshake/edge_keys.ts";
import type { HandshakeTally } from "../../shared/handshake/handshake_tally.ts";
import {
  type CoreHandshakeResult,
  performCoreHandshake,
} from "../../shared/handshake/perform_core_handshake.ts";
import { describeError, type Logger } from "../../shared/observe/logger.ts";
import { SessionDriver } from "../../shared/session/session_driver.ts";
import type { LaneConnection, LaneListener } from "../../shared/transport/lane_connection.ts";
import type { SessionLimits } from "../../shared/tunnel/session_limits.ts";
import { serveStream } from "./served_exchange.ts";

export interface TunnelServerOptions {
  readonly keys: EdgeKeys;
  /** Names in the core's certificate. */
  readonly serverNames: ReadonlySet<string>;
  readonly limits: SessionLimits;
  readonly clock: Clock;
  readonly log: Logger;
  readonly tally: HandshakeTally;
  /** Connections at once, those included that have not proved who they are. */
  readonly maxConnections: number;
  wallClock(): number;
  /** What answers the exchanges of an edge. */
  handlerFor(edge: string): ExchangeHandler;
}

/** Sessions of one edge at once: its processes, each with one that drains. */
const MAX_SESSIONS_PER_EDGE = 64;
const SESSION_ID_BYTES = 16;
/** An edge sends no frame before it has read ACCEPT. */
const NOTHING_RECEIVED = new Uint8Array(0);

export interface ServedSession {
  readonly edge: string;
  readonly driver: SessionDriver;
}

export class TunnelServer {
  readonly #options: TunnelServerOptions;
  readonly #coreInstanceId = crypto.getRandomValues(new Uint8Array(16));
  /** By hexadecimal session id. */
  readonly #sessions = new Map<string, ServedSession>();
  readonly #stop = new AbortController();
  /** Lanes whose edge has not proved itself yet. */
  readonly #welcomes = new Set<Promise<void>>();
  #isDraining = false;
  #allEnded = () => {};

  constructor(options: TunnelServerOptions) {
    this.#options = options;
  }

  get sessions(): IterableIterator<ServedSession> {
    return this.#sessions.values();
  }

  /** Takes lanes from `listener` until it closes. */
  async serve(listener: LaneListener): Promise<void> {
    for (
      let connection = await listener.accept();
      connection !== null;
      connection = await listener.accept()
    ) {
      const welcome = this.#welcome(connection);
      this.#welcomes.add(welcome);
      void welcome.finally(() => this.#welcomes.delete(welcome));
    }
  }

  /** New exchanges are for other cores; resolves when all sessions have ended or `signal` fires, then closes the rest. */
  async drain(signal: AbortSignal): Promise<void> {
    this.#isDraining = true;
    const drivers = [...this.#sessions.values()].map(({ driver }) => driver);
    for (const driver of drivers) driver.goaway();
    if (this.#sessions.size > 0 && !signal.aborted) {
      await new Promise<void>((resolve) => {
        this.#allEnded = resolve;
        signal.addEventListener("abort", () => resolve(), { once: true, signal: this.#stop.signal });
      });
    }
    this.#stop.abort();
    for (const driver of drivers) driver.close();
    await Promise.all([...drivers.map((driver) => driver.gone), ...this.#welcomes]);
  }

  /** Never rejects. */
  async #welcome(connection: LaneConnection): Promise<void> {
    const { log, tally } = this.#options;
    if (tally.pending + this.#laneCount() >= this.#options.maxConnections) {
      tally.refused.overloaded++;
      return connection.close();
    }
    const { remoteAddress, transport } = connection;
    try {
      const result = await this.#handshake(connection);
      if (result.kind === "refused") {
        return log.warn("lane_refused", { reason: result.reason, remoteAddress });
      }
      const { edgeName, resumed } = result;
      const driver = this.#sessions.get(hex(result.sessionId))?.driver;
      if (driver === undefined) return connection.close();
      const lane = driver.addLane(connection, NOTHING_RECEIVED);
      if (lane === null) return;
      // An edge asks for its session again when its lane is gone, which this end may not know yet.
      driver.preferLane(lane);
      log.info("lane_joined", { edge: edgeName, transport, remoteAddress, resumed });
    } catch (error) {
      log.error("tunnel_fault", { reason: describeError(error), remoteAddress });
    }
  }

  #handshake(connection: LaneConnection): Promise<CoreHandshakeResult> {
    const { keys, serverNames, tally, clock } = this.#options;
    return performCoreHandshake(connection, {
      coreInstanceId: this.#coreInstanceId,
      serverNames,
      keys,
      tally,
      clock,
      wallClock: () => this.#options.wallClock(),
      signal: this.#stop.signal,
      admit: (edge) => this.#admit(edge),
    });
  }

  #laneCount(): number {
    let count = 0;
    for (const { driver } of this.#sessions.values()) count += driver.laneCount;
    return count;
  }

  #admit(edge: TrustedEdge): Admission | null {
    const { limits } = this.#options;
    const { maxStreams, windowUnits, pingIntervalMs, laneTimeoutMs, resumeTimeoutMs } = limits;
    const granted = { maxStreams, windowUnits, pingIntervalMs, laneTimeoutMs, resumeTimeoutMs };
    const asked = edge.sessionId === null ? undefined : this.#sessions.get(hex(edge.sessionId));
    if (edge.sessionId !== null && asked?.edge === edge.edgeName && asked.driver.state !== "ended") {
      return { sessionId: edge.sessionId, resumed: true, limits: granted };
    }
    if (this.#isDraining) return null;
    const ofEdge = [...this.#sessions.values()].filter((session) => session.edge === edge.edgeName).length;
    if (ofEdge >= MAX_SESSIONS_PER_EDGE) return null;
    const sessionId = crypto.getRandomValues(new Uint8Array(SESSION_ID_BYTES));
    this.#begin(hex(sessionId), edge.edgeName);
    return { sessionId, resumed: false, limits: granted };
  }

  #begin(id: string, edge: string): void {
    const { log, clock, limits } = this.#options;
    const handler = this.#options.handlerFor(edge);
    const driver = new SessionDriver({
      role: "core",
      limits,
      clock,
      accept: (stream, head) => serveStream(stream, head, { handler }),
      onRoom: () => {},
      onLaneClosed: (_lane, cause) => log.info("lane_closed", { edge, reason: describeError(cause) }),
      onGoaway: () => {},
      onFault: (cause) => log.error("tunnel_fault", { edge, reason: describeError(cause) }),
      onEnded: (end) => {
        log[end.kind === "error" ? "error" : "info"]("session_ended", { edge, ...end });
        this.#sessions.delete(id);
        if (this.#sessions.size === 0) this.#allEnded();
      },
    });
    this.#sessions.set(id, { edge, driver });
  }
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
