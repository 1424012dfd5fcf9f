/** A core that dials and an edge that listens for it, in one process, over real lanes. */
import { DialPlan, type DialWay } from "../../../core/session/dial_plan.ts";
import { EdgeDialer } from "../../../core/session/edge_dialer.ts";
import { TunnelServer } from "../../../core/session/tunnel_server.ts";
import { type ReverseLink, ReverseListener } from "../../../edge/reverse/reverse_listener.ts";
import { SYSTEM_CLOCK } from "../../../shared/clock/clock.ts";
import { HandshakeTally } from "../../../shared/handshake/handshake_tally.ts";
import { PeerKeys } from "../../../shared/handshake/peer_keys.ts";
import type { PeerSigner } from "../../../shared/handshake/peer_signer.ts";
import type { SessionDriver } from "../../../shared/session/session_driver.ts";
import type { LaneListener, LaneTransport } from "../../../shared/transport/lane_connection.ts";
import { dialLane } from "../../../shared/transport/lane_transport.ts";
import { DEFAULT_REDUNDANCY } from "../../../shared/tunnel/redundancy.ts";
import { DEFAULT_SESSION_LIMITS, type SessionLimits } from "../../../shared/tunnel/session_limits.ts";
import { LiveHandler } from "../../support/live_exchange.ts";
import { LogLines } from "../../support/log_lines.ts";
import { createEdge } from "../../shared/handshake/handshake_fixture.ts";
import { listenOnLoopback, SERVER_NAME, TRUST } from "../../shared/transport/lane_fixture.ts";
import { TestEdge } from "./test_edge.ts";

export const EDGE_KEY = createEdge();
export const CORE_KEY = createEdge();
const CORE_NAME = "sz-2";
const EDGE_NAME = "hk-1";

/** An edge with a listener for each transport. */
export class ListeningEdge implements AsyncDisposable {
  readonly tally = new HandshakeTally();
  readonly log = new LogLines("edge");
  readonly link: TestEdge;
  readonly reverse: ReverseListener;
  readonly listeners: readonly LaneListener[];
  readonly #serving: Promise<void>[];

  constructor(
    transports: readonly LaneTransport[],
    { name = EDGE_NAME, sign = EDGE_KEY.sign, link }: {
      name?: string;
      sign?: PeerSigner;
      link?: ReverseLink;
    } = {},
  ) {
    this.link = new TestEdge(name, sign);
    this.reverse = new ReverseListener({
      edgeName: name,
      keys: new PeerKeys([{ name: CORE_NAME, publicKey: CORE_KEY.publicKey }]),
      serverNames: () => new Set([SERVER_NAME]),
      tally: this.tally,
      clock: SYSTEM_CLOCK,
      log: this.log.log,
      wallClock: Date.now,
      linkTo: () => link ?? this.link,
    });
    this.listeners = transports.map((transport) => listenOnLoopback(transport));
    this.#serving = this.listeners.map((listener) => this.reverse.serve(listener));
  }

  get ways(): DialWay[] {
    return this.listeners.map(({ localAddress, transport }) => ({ address: localAddress, transport }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const listener of this.listeners) listener.close();
    await this.reverse.close();
    await this.link.close();
    await Promise.all(this.#serving);
  }
}

export interface DialingCoreOptions {
  readonly ways: readonly DialWay[];
  /** @default 4 */
  readonly lanes?: number;
  /** What the core proves itself with. @default the key that edges know */
  readonly sign?: PeerSigner;
  /** The edge that it means to reach. @default "hk-1" */
  readonly edgeName?: string;
  /** @default "sz-2" */
  readonly coreName?: string;
  readonly limits?: Partial<SessionLimits>;
}

/** A core without listeners that keeps lanes to one edge. */
export class DialingCore implements AsyncDisposable {
  readonly origin = new LiveHandler();
  readonly tally = new HandshakeTally();
  readonly log = new LogLines("core");
  readonly server: TunnelServer;
  readonly dialer: EdgeDialer;
  readonly #running: Promise<void>;

  constructor(options: DialingCoreOptions) {
    const { ways, lanes = 4, sign = CORE_KEY.sign, edgeName = EDGE_NAME, coreName = CORE_NAME } = options;
    this.server = new TunnelServer({
      keys: new PeerKeys(["hk-1", "hk-2"].map((name) => ({ name, publicKey: EDGE_KEY.publicKey }))),
      serverNames: new Set(),
      limits: { ...DEFAULT_SESSION_LIMITS, ...options.limits },
      redundancy: DEFAULT_REDUNDANCY,
      clock: SYSTEM_CLOCK,
      log: this.log.log,
      tally: this.tally,
      maxConnections: 100,
      wallClock: Date.now,
      handlerFor: () => this.origin.handler,
    });
    this.dialer = new EdgeDialer({
      coreName,
      edgeName,
      serverName: SERVER_NAME,
      sign,
      plan: new DialPlan({ ways, lanes, backoff: { initialMs: 20, maxMs: 100, random: Math.random } }),
      connectTimeoutMs: 5_000,
      clock: SYSTEM_CLOCK,
      log: this.log.log,
      server: this.server,
      dial: (way, { timeoutMs, signal }) =>
        dialLane({
          ...way,
          serverName: SERVER_NAME,
          caCertificates: [TRUST.caPem],
          connectTimeoutMs: timeoutMs,
          signal,
        }),
    });
    this.#running = this.dialer.run();
  }

  get sessions(): SessionDriver[] {
    return [...this.server.sessions].map(({ driver }) => driver);
  }

  /** Transports of the lanes of all sessions. */
  get transports(): string[] {
    return this.sessions.flatMap(({ lanes }) => [...lanes].map(({ transport }) => transport)).sort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.dialer.stop();
    await this.server.drain(AbortSignal.abort());
    await this.#running;
  }
}
