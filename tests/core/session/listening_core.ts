/** A core's end of the tunnel behind one listener, for peers of every kind. */
import { TunnelServer } from "../../../core/session/tunnel_server.ts";
import { type Clock, SYSTEM_CLOCK } from "../../../shared/clock/clock.ts";
import { HandshakeTally } from "../../../shared/handshake/handshake_tally.ts";
import { PeerKeys } from "../../../shared/handshake/peer_keys.ts";
import type { SessionDriver } from "../../../shared/session/session_driver.ts";
import type {
  LaneConnection,
  LaneListener,
  LaneTransport,
  ListenLanesOptions,
} from "../../../shared/transport/lane_connection.ts";
import { DEFAULT_REDUNDANCY } from "../../../shared/tunnel/redundancy.ts";
import { DEFAULT_SESSION_LIMITS } from "../../../shared/tunnel/session_limits.ts";
import { eventually } from "../../support/eventually.ts";
import { LiveHandler } from "../../support/live_exchange.ts";
import { LogLines } from "../../support/log_lines.ts";
import { answerHead } from "../../support/recorded_exchange.ts";
import { createEdge } from "../../shared/handshake/handshake_fixture.ts";
import {
  closeQuietly,
  dialLoopback,
  listenOnLoopback,
  SERVER_NAME,
} from "../../shared/transport/lane_fixture.ts";
import { TestEdge } from "./test_edge.ts";

export const EDGE_KEY = createEdge();
export const EDGE_NAME = "hk-1";

export interface ListeningCoreOptions {
  readonly transport: LaneTransport;
  readonly limits?: ListenLanesOptions["limits"];
  /** Of the handshakes and sessions, not of the listener. @default SYSTEM_CLOCK */
  readonly clock?: Clock;
}

export class ListeningCore implements AsyncDisposable {
  readonly transport: LaneTransport;
  readonly origin = new LiveHandler();
  readonly tally = new HandshakeTally();
  readonly log = new LogLines("core");
  readonly server: TunnelServer;
  readonly listener: LaneListener;
  readonly #serving: Promise<void>;
  readonly #lanes: LaneConnection[] = [];
  readonly #edges: TestEdge[] = [];

  constructor({ transport, limits, clock = SYSTEM_CLOCK }: ListeningCoreOptions) {
    this.transport = transport;
    this.server = new TunnelServer({
      keys: new PeerKeys([{ name: EDGE_NAME, publicKey: EDGE_KEY.publicKey }]),
      serverNames: new Set([SERVER_NAME]),
      limits: DEFAULT_SESSION_LIMITS,
      redundancy: DEFAULT_REDUNDANCY,
      clock,
      log: this.log.log,
      tally: this.tally,
      maxConnections: 1_000,
      wallClock: Date.now,
      handlerFor: () => this.origin.handler,
    });
    this.listener = listenOnLoopback(transport, limits);
    this.#serving = this.server.serve(this.listener);
  }

  get sessions(): SessionDriver[] {
    return [...this.server.sessions].map(({ driver }) => driver);
  }

  /** What the listener counted, whatever became of the connection. */
  get met(): number {
    const { accepted, limited, timedOut, failed } = this.listener.counters;
    return accepted + limited + timedOut + failed;
  }

  /** A lane whose transport handshake is done; closed with the fixture. */
  async dial(): Promise<LaneConnection> {
    const lane = await dialLoopback(this.transport, this.listener.localAddress);
    this.#lanes.push(lane);
    return lane;
  }

  /** An edge with one lane; closed with the fixture. */
  async join(): Promise<TestEdge> {
    const edge = new TestEdge(EDGE_NAME, EDGE_KEY.sign);
    this.#edges.push(edge);
    await edge.acceptLane(await dialLoopback(this.transport, this.listener.localAddress), {
      serverName: SERVER_NAME,
    });
    return edge;
  }

  /** An honest edge comes, asks and is answered. */
  async serveOne(): Promise<void> {
    const edge = await this.join();
    const count = this.origin.requests.length;
    const { request, answer } = edge.ask();
    const served = await this.origin.request(count);
    served.answer.head(answerHead());
    served.answer.end(null);
    request.end(null);
    await answer.until("end");
  }

  /** Nothing is kept of peers that proved nothing. */
  async untilNothingIsKept(): Promise<void> {
    await eventually(() => this.tally.pending === 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    closeQuietly(...this.#lanes);
    await Promise.all(this.#edges.map((edge) => edge.close()));
    await this.server.drain(AbortSignal.abort());
    this.listener.close();
    await this.#serving;
  }
}
