/**
 * The core's side of all sessions: takes lanes from trusted edges, whoever dialled, and joins each to the session it asks
 * for, or to a new one.
 *
 * Invariant: a session belongs to the edge that proved its name when it began; asking for another edge's session, or
 * for one that is gone, gives a new one. Sessions of one edge are bounded; above the bound a lane is turned away. A core
 * that drains begins none, but what lives may still be resumed.
 */
import type { Clock } from "../../shared/clock/clock.ts";
import type { ExchangeHandler } from "../../shared/exchange/exchange.ts";
import type { Admission, TrustedEdge } from "../../shared/handshake/core_handshake.ts";
import { dialledByName } from "../../shared/handshake/handshake_names.ts";
import type { HandshakeTally, LaneRefusal } from "../../shared/handshake/handshake_tally.ts";
import type { PeerKeys } from "../../shared/handshake/peer_keys.ts";
import { RefusalLog } from "../../shared/handshake/refusal_log.ts";
import {
  type CoreHandshakeResult,
  performCoreHandshake,
} from "../../shared/handshake/perform_core_handshake.ts";
import { describeError, type Logger } from "../../shared/observe/logger.ts";
import type { PeerReading } from "../../shared/observe/tunnel_reading.ts";
import type { StallWatch } from "../../shared/observe/stall_watch.ts";
import type { LaneDriver } from "../../shared/session/lane_driver.ts";
import { SessionDriver } from "../../shared/session/session_driver.ts";
import { SessionWatcher } from "../../shared/session/session_watcher.ts";
import type { LaneConnection, LaneListener } from "../../shared/transport/lane_connection.ts";
import type { RedundancyOptions } from "../../shared/tunnel/redundancy.ts";
import type { SessionLimits } from "../../shared/tunnel/session_limits.ts";
import { serveStream } from "./served_exchange.ts";

export interface TunnelServerOptions {
  readonly keys: PeerKeys;
  /** Names in the core's certificate; empty for a core that only dials. */
  readonly serverNames: ReadonlySet<string>;
  readonly limits: SessionLimits;
  readonly redundancy: RedundancyOptions;
  readonly clock: Clock;
  readonly log: Logger;
  readonly tally: HandshakeTally;
  /** Connections at once, those included that have not proved who they are; above, no accepted one is taken. */
  readonly maxConnections: number;
  /** Watches the exchanges of clients. @default nothing does */
  readonly stalls?: StallWatch;
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

/** A connection that this core dialled and knocked on. */
export interface DialledLane {
  readonly connection: LaneConnection;
  /** The name that this core proved to the edge. */
  readonly coreName: string;
  /** The edge that it means to have reached. */
  readonly edgeName: string;
  /** The lane is gone, or its session takes no new streams: may be called again, never within `join`. */
  onChange(): void;
}

export type JoinResult =
  | { readonly kind: "joined"; readonly driver: SessionDriver; readonly lane: LaneDriver }
  | { readonly kind: "refused"; readonly reason: LaneRefusal };

export class TunnelServer {
  readonly #options: TunnelServerOptions;
  readonly #coreInstanceId = crypto.getRandomValues(new Uint8Array(16));
  readonly #watcher: SessionWatcher;
  readonly #refusals: RefusalLog;
  /** By hexadecimal session id. */
  readonly #sessions = new Map<string, ServedSession>();
  /** Who wants to know of the lanes that this core dialled. */
  readonly #onChange = new Map<LaneDriver, () => void>();
  readonly #stop = new AbortController();
  /** Lanes whose edge has not proved itself yet. */
  readonly #welcomes = new Set<Promise<unknown>>();
  #isDraining = false;
  #allEnded = () => {};

  constructor(options: TunnelServerOptions) {
    this.#options = options;
    this.#watcher = new SessionWatcher(options);
    this.#refusals = new RefusalLog(options);
  }

  get sessions(): IterableIterator<ServedSession> {
    return this.#sessions.values();
  }

  /** As granted to every edge: a PING goes out on every lane this often. */
  get pingIntervalMs(): number {
    return this.#options.limits.pingIntervalMs;
  }

  /** For the metrics. */
  readPeers(): readonly PeerReading[] {
    return this.#watcher.read();
  }

  /** Takes lanes from `listener` until it closes. */
  async serve(listener: LaneListener): Promise<void> {
    for (
      let connection = await listener.accept();
      connection !== null;
      connection = await listener.accept()
    ) {
      void this.#track(this.#welcome(connection));
    }
  }

  /** Lets the edge at the other end of a lane prove itself, and puts the lane to use. Never rejects. */
  join(dialled: DialledLane): Promise<JoinResult> {
    return this.#track(this.#join(dialled.connection, dialled));
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

  #track<R>(welcome: Promise<R>): Promise<R> {
    this.#welcomes.add(welcome);
    return welcome.finally(() => this.#welcomes.delete(welcome));
  }

  /** Never rejects. */
  async #welcome(connection: LaneConnection): Promise<void> {
    const { remoteAddress } = connection;
    const { tally, maxConnections } = this.#options;
    if (tally.pending + this.#laneCount() < maxConnections) return void await this.#join(connection, null);
    tally.refused.overloaded++;
    this.#refusals.refused({ reason: "overloaded", edge: null, remoteAddress });
    connection.close();
  }

  /** Never rejects. */
  async #join(connection: LaneConnection, dialled: DialledLane | null): Promise<JoinResult> {
    const { remoteAddress, transport } = connection;
    const { log } = this.#options;
    try {
      const result = await this.#handshake(connection, dialled);
      if (result.kind === "refused") {
        this.#refusals.refused({ reason: result.reason, edge: result.edgeName, remoteAddress });
        return { kind: "refused", reason: result.reason };
      }
      const { edgeName, resumed } = result;
      const driver = this.#sessions.get(hex(result.sessionId))?.driver;
      const lane = driver?.addLane(connection, NOTHING_RECEIVED) ?? null;
      if (driver === undefined) connection.close();
      if (driver === undefined || lane === null) return { kind: "refused", reason: "unavailable" };
      if (dialled !== null) this.#onChange.set(lane, () => dialled.onChange());
      log.info("lane_joined", { edge: edgeName, transport, remoteAddress, resumed });
      return { kind: "joined", driver, lane };
    } catch (error) {
      log.error("tunnel_fault", { reason: describeError(error), remoteAddress });
      return { kind: "refused", reason: "left" };
    }
  }

  #handshake(connection: LaneConnection, dialled: DialledLane | null): Promise<CoreHandshakeResult> {
    const { keys, serverNames, tally, clock } = this.#options;
    return performCoreHandshake(connection, {
      coreInstanceId: this.#coreInstanceId,
      serverNames: dialled === null ? serverNames : new Set([dialledByName(dialled.coreName)]),
      dialledEdge: dialled?.edgeName ?? null,
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
    const { log, clock, limits, redundancy, stalls } = this.#options;
    const handler = this.#options.handlerFor(edge);
    const driver: SessionDriver = new SessionDriver({
      role: "core",
      limits,
      redundancy,
      clock,
      accept: (stream, head) =>
        serveStream(stream, head, { handler, watched: stalls === undefined ? null : { stalls, driver } }),
      onRoom: () => {},
      onLaneClosed: (lane, cause) => {
        this.#watcher.laneClosed(driver, lane);
        log.info("lane_closed", { edge, transport: lane.transport, reason: describeError(cause) });
        this.#onChange.get(lane)?.();
        this.#onChange.delete(lane);
      },
      onGoaway: () => {
        for (const lane of driver.lanes) this.#onChange.get(lane)?.();
      },
      onNotice: (notice) => this.#watcher.noticed(driver, notice),
      onFault: (cause) => log.error("tunnel_fault", { edge, reason: describeError(cause) }),
      onEnded: (end) => {
        log[end.kind === "error" ? "error" : "info"]("session_ended", { edge, ...end });
        this.#sessions.delete(id);
        if (this.#sessions.size === 0) this.#allEnded();
      },
    });
    this.#watcher.follow(driver, { peer: edge });
    this.#sessions.set(id, { edge, driver });
  }
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
