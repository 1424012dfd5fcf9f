/** An edge of few words for the tests of a core: takes lanes, joins them to its session, asks. */
import type { ReverseLink } from "../../../edge/reverse/reverse_listener.ts";
import { relayExchange } from "../../../edge/session/relayed_exchange.ts";
import { SYSTEM_CLOCK } from "../../../shared/clock/clock.ts";
import type { RequestHead, RequestReceiver } from "../../../shared/exchange/exchange.ts";
import {
  type EdgeHandshakeResult,
  performEdgeHandshake,
} from "../../../shared/handshake/perform_edge_handshake.ts";
import type { PeerSigner } from "../../../shared/handshake/peer_signer.ts";
import { SessionDriver, type SessionEnd } from "../../../shared/session/session_driver.ts";
import type { LaneConnection } from "../../../shared/transport/lane_connection.ts";
import { DEFAULT_REDUNDANCY } from "../../../shared/tunnel/redundancy.ts";
import { DEFAULT_SESSION_LIMITS } from "../../../shared/tunnel/session_limits.ts";
import { LiveAnswer } from "../../support/live_exchange.ts";
import { requestHead } from "../../support/recorded_exchange.ts";

/** One exchange as its caller sees it. */
export interface EdgeCall {
  readonly request: RequestReceiver;
  readonly answer: LiveAnswer;
}

export class TestEdge implements ReverseLink {
  readonly name: string;
  readonly #sign: PeerSigner;
  /** Every session that began, in order, and how those that ended did. */
  readonly sessions: SessionDriver[] = [];
  readonly ends: SessionEnd[] = [];
  readonly results: EdgeHandshakeResult[] = [];
  readonly #ids = new Map<SessionDriver, Uint8Array>();
  /** The first handshake of a session, under way. */
  #founding: Promise<void> | null = null;

  constructor(name: string, sign: PeerSigner) {
    this.name = name;
    this.#sign = sign;
  }

  /** The latest session. */
  get session(): SessionDriver {
    const session = this.sessions.at(-1);
    if (session === undefined) throw new Error("the edge has no session");
    return session;
  }

  get transports(): string[] {
    return [...(this.sessions.at(-1)?.lanes ?? [])].map(({ transport }) => transport).sort();
  }

  /** Proves this edge on the lane: for a session that has none, else for the one that takes new streams, else for a new one. */
  async acceptLane(connection: LaneConnection, { serverName }: { serverName: string }): Promise<void> {
    while (this.#founding !== null) await this.#founding;
    const live = this.sessions.filter(({ state }) => state !== "ended");
    const wanted = live.find(({ laneCount }) => laneCount === 0) ??
      live.find(({ state }) => state === "open");
    const joining = this.#join(connection, { serverName, wanted: wanted ?? null });
    if (wanted === undefined) this.#founding = joining.then(() => void (this.#founding = null));
    await joining;
  }

  /** Starts an exchange. */
  ask(head: Partial<RequestHead> = {}, driver = this.session): EdgeCall {
    const answer = new LiveAnswer();
    const request = relayExchange(driver, requestHead(head), answer, { stalls: null });
    if (request === null) throw new Error("the session takes no exchange");
    answer.request = request;
    return { request, answer };
  }

  async close(): Promise<void> {
    for (const session of this.sessions) session.close();
    await Promise.all(this.sessions.map((session) => session.gone));
  }

  async #join(
    connection: LaneConnection,
    { serverName, wanted }: { serverName: string; wanted: SessionDriver | null },
  ): Promise<void> {
    const result = await performEdgeHandshake(connection, {
      edgeName: this.name,
      serverName,
      sessionId: wanted === null ? null : this.#ids.get(wanted) ?? null,
      sign: this.#sign,
      clock: SYSTEM_CLOCK,
    });
    this.results.push(result);
    if (result.kind === "refused") return;
    const session = result.resumed && wanted !== null ? wanted : this.#begin(result.sessionId);
    session.addLane(connection, result.leftover);
  }

  #begin(id: Uint8Array): SessionDriver {
    const driver: SessionDriver = new SessionDriver({
      role: "edge",
      limits: DEFAULT_SESSION_LIMITS,
      redundancy: DEFAULT_REDUNDANCY,
      clock: SYSTEM_CLOCK,
      accept: () => {},
      onRoom: () => {},
      onLaneClosed: () => {},
      onGoaway: () => {},
      onNotice: () => {},
      onFault: (cause) => {
        throw cause;
      },
      onEnded: (end) => void this.ends.push(end),
    });
    this.sessions.push(driver);
    this.#ids.set(driver, id);
    return driver;
  }
}
