/** An edge's and a core's end of the tunnel in one process, over real lanes. */
import { TunnelServer } from "../../../core/session/tunnel_server.ts";
import { CoreLink } from "../../../edge/session/core_link.ts";
import { SYSTEM_CLOCK } from "../../../shared/clock/clock.ts";
import type { ExchangeHandler, RequestHead, RequestReceiver } from "../../../shared/exchange/exchange.ts";
import { HandshakeTally } from "../../../shared/handshake/handshake_tally.ts";
import { PeerKeys } from "../../../shared/handshake/peer_keys.ts";
import type { PeerSigner } from "../../../shared/handshake/peer_signer.ts";
import type { SessionDriver } from "../../../shared/session/session_driver.ts";
import { SessionWatcher } from "../../../shared/session/session_watcher.ts";
import type { LaneListener, LaneTransport } from "../../../shared/transport/lane_connection.ts";
import { dialLane } from "../../../shared/transport/lane_transport.ts";
import { DEFAULT_REDUNDANCY } from "../../../shared/tunnel/redundancy.ts";
import { DEFAULT_SESSION_LIMITS, type SessionLimits } from "../../../shared/tunnel/session_limits.ts";
import { createKey } from "../../edge/session/linked_core.ts";
import { eventually } from "../../support/eventually.ts";
import { type Appetite, LiveAnswer } from "../../support/live_exchange.ts";
import { LogLines } from "../../support/log_lines.ts";
import { requestHead } from "../../support/recorded_exchange.ts";
import { listenOnLoopback, SERVER_NAME, TRUST } from "../transport/lane_fixture.ts";
import { TcpProxy } from "./tcp_proxy.ts";

const EDGE_NAME = "hk-1";
const EDGE_KEY = createKey();

export interface TunnelPairOptions {
  readonly handler: ExchangeHandler;
  /** @default "tls" */
  readonly transport?: LaneTransport;
  readonly limits?: Partial<SessionLimits>;
  /** What the edge signs with. @default the key that the core trusts */
  readonly sign?: PeerSigner;
  readonly onRoom?: () => void;
}

export class TunnelPair implements AsyncDisposable {
  readonly client: CoreLink;
  server: TunnelServer;
  /** Between the two, where lanes are TLS. */
  readonly proxy: TcpProxy;
  readonly tally = new HandshakeTally();
  readonly edgeLog = new LogLines("edge");
  readonly coreLog = new LogLines("core");
  readonly #options: TunnelPairOptions;
  #listener: LaneListener;
  #serving: Promise<void>;

  constructor(options: TunnelPairOptions) {
    this.#options = options;
    this.#listener = listenOnLoopback(options.transport ?? "tls");
    this.server = this.#newServer();
    this.#serving = this.server.serve(this.#listener);
    this.proxy = new TcpProxy(this.#listener.localAddress);
    this.client = this.#newClient();
    this.client.start();
  }

  /** With a lane that is up at both ends. */
  static async open(options: TunnelPairOptions): Promise<TunnelPair> {
    const pair = new TunnelPair(options);
    await pair.untilUp();
    return pair;
  }

  async untilUp(): Promise<void> {
    await eventually(() => this.client.isUp && this.coreSessions.some((session) => session.laneCount > 0));
  }

  get edgeSession(): SessionDriver {
    return this.client.session ?? fail("the edge has no session");
  }

  get coreSessions(): SessionDriver[] {
    return [...this.server.sessions].map(({ driver }) => driver);
  }

  /** The core's end of the only session. */
  get coreSession(): SessionDriver {
    const [session, ...others] = this.coreSessions;
    if (session === undefined || others.length > 0) {
      fail(`the core has ${others.length + 1} sessions or none`);
    }
    return session;
  }

  /** Starts an exchange at the edge. */
  ask(options: { head?: Partial<RequestHead>; appetite?: Appetite } = {}): LiveCall {
    const answer = new LiveAnswer(options.appetite);
    const request = this.client.open(requestHead(options.head), answer) ??
      fail("the tunnel takes no exchange");
    answer.request = request;
    return { request, answer };
  }

  /** The core dies without a word, and another one takes its place. */
  async replaceCore(): Promise<void> {
    const old = { server: this.server, listener: this.#listener, serving: this.#serving };
    this.#listener = listenOnLoopback(this.#options.transport ?? "tls");
    this.server = this.#newServer();
    this.#serving = this.server.serve(this.#listener);
    this.proxy.target = this.#listener.localAddress;
    this.proxy.cut();
    old.listener.close();
    await old.server.drain(AbortSignal.abort());
    await old.serving;
  }

  /** No stream, no byte: what a session may keep when nothing is in flight. */
  async untilNothingIsKept(): Promise<void> {
    const sessions = () => [this.client.session, ...this.coreSessions].filter((driver) => driver !== null);
    const kept = () =>
      sessions().map(({ session }) => ({
        streams: session.streamCount,
        heldBytes: session.heldBytes,
        retainedBytes: session.retainedBytes,
        reorderBytes: session.reorderBytes,
      }));
    await eventually(
      () => kept().every((figures) => Object.values(figures).every((figure) => figure === 0)),
      () => JSON.stringify(kept()),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const now = AbortSignal.abort();
    await Promise.all([this.client.drain(now), this.server.drain(now)]);
    this.#listener.close();
    await this.#serving;
    await this.proxy.close();
  }

  #newServer(): TunnelServer {
    return new TunnelServer({
      keys: new PeerKeys([{ name: EDGE_NAME, publicKey: EDGE_KEY.publicKey }]),
      serverNames: new Set([SERVER_NAME]),
      limits: { ...DEFAULT_SESSION_LIMITS, ...this.#options.limits },
      redundancy: DEFAULT_REDUNDANCY,
      clock: SYSTEM_CLOCK,
      log: this.coreLog.log,
      tally: this.tally,
      maxConnections: 100,
      wallClock: Date.now,
      handlerFor: () => this.#options.handler,
    });
  }

  /** With one lane. */
  #newClient(): CoreLink {
    const { transport = "tls", limits, sign = EDGE_KEY.sign } = this.#options;
    const { log } = this.edgeLog;
    return new CoreLink({
      name: "sz-1",
      edgeName: EDGE_NAME,
      serverName: SERVER_NAME,
      ways: {
        routes: [{ transport, address: "the core" }],
        dial: (_route, signal) =>
          dialLane({
            transport,
            address: transport === "tls" ? this.proxy.address : this.#listener.localAddress,
            serverName: SERVER_NAME,
            caCertificates: [TRUST.caPem],
            connectTimeoutMs: 5_000,
            signal,
          }),
      },
      lanes: 1,
      backoff: { initialMs: 10, maxMs: 100 },
      stableAfterMs: 0,
      sign,
      limits: { ...DEFAULT_SESSION_LIMITS, ...limits },
      redundancy: DEFAULT_REDUNDANCY,
      clock: SYSTEM_CLOCK,
      log,
      watcher: new SessionWatcher({ log }),
      stalls: null,
      random: Math.random,
      onUp: () => {},
      onRoom: () => this.#options.onRoom?.(),
    });
  }
}

/** One exchange as its caller sees it. */
export interface LiveCall {
  readonly request: RequestReceiver;
  readonly answer: LiveAnswer;
}

function fail(message: string): never {
  throw new Error(message);
}
