/** An edge's and a core's end of the tunnel in one process, over real lanes. */
import { Buffer } from "node:buffer";
import { generateKeyPairSync } from "node:crypto";
import { TunnelServer } from "../../../core/session/tunnel_server.ts";
import { Backoff } from "../../../edge/session/backoff.ts";
import { TunnelClient } from "../../../edge/session/tunnel_client.ts";
import { SYSTEM_CLOCK } from "../../../shared/clock/clock.ts";
import type { ExchangeHandler, RequestHead, RequestReceiver } from "../../../shared/exchange/exchange.ts";
import { EdgeKeys } from "../../../shared/handshake/edge_keys.ts";
import { type EdgeSigner, edgeSigner } from "../../../shared/handshake/edge_signer.ts";
import { HandshakeTally } from "../../../shared/handshake/handshake_tally.ts";
import { createLogger, type Logger } from "../../../shared/observe/logger.ts";
import type { SessionDriver } from "../../../shared/session/session_driver.ts";
import type { LaneListener, LaneTransport } from "../../../shared/transport/lane_connection.ts";
import { dialLane } from "../../../shared/transport/lane_transport.ts";
import { DEFAULT_SESSION_LIMITS, type SessionLimits } from "../../../shared/tunnel/session_limits.ts";
import { type Appetite, LiveAnswer } from "../../support/live_exchange.ts";
import { requestHead } from "../../support/recorded_exchange.ts";
import { listenOnLoopback, SERVER_NAME, TRUST } from "../transport/lane_fixture.ts";
import { TcpProxy } from "./tcp_proxy.ts";

const EDGE_NAME = "hk-1";
const PATIENCE_MS = 10_000;
export const EDGE_KEY = createEdgeKey();

export interface TunnelPairOptions {
  readonly handler: ExchangeHandler;
  /** @default "tls" */
  readonly transport?: LaneTransport;
  readonly limits?: Partial<SessionLimits>;
  /** What the edge signs with. @default the key that the core trusts */
  readonly sign?: EdgeSigner;
  /** @default { initialMs: 10, maxMs: 100 } */
  readonly backoff?: { initialMs: number; maxMs: number };
  /** @default 0 */
  readonly stableAfterMs?: number;
  readonly onRoom?: () => void;
  readonly onUp?: () => void;
  /** Random numbers of the back-off. @default Math.random */
  readonly random?: () => number;
}

export class TunnelPair implements AsyncDisposable {
  readonly client: TunnelClient;
  server: TunnelServer;
  /** Between the two, where lanes are TLS. */
  readonly proxy: TcpProxy;
  readonly tally = new HandshakeTally();
  readonly edgeLog = new LogLines("edge");
  readonly coreLog = new LogLines("core");
  readonly #options: TunnelPairOptions;
  #listener: LaneListener;
  #serving: Promise<void>;
  readonly #running: Promise<void>;

  constructor(options: TunnelPairOptions) {
    this.#options = options;
    this.#listener = listenOnLoopback(options.transport ?? "tls");
    this.server = this.#newServer();
    this.#serving = this.server.serve(this.#listener);
    this.proxy = new TcpProxy(this.#listener.localAddress);
    this.client = this.#newClient();
    this.#running = this.client.run();
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
    await this.#running;
    this.#listener.close();
    await this.#serving;
    await this.proxy.close();
  }

  #newServer(): TunnelServer {
    return new TunnelServer({
      keys: new EdgeKeys([{ name: EDGE_NAME, publicKey: EDGE_KEY.publicKey }]),
      serverNames: new Set([SERVER_NAME]),
      limits: { ...DEFAULT_SESSION_LIMITS, ...this.#options.limits },
      clock: SYSTEM_CLOCK,
      log: this.coreLog.log,
      tally: this.tally,
      maxConnections: 100,
      wallClock: Date.now,
      handlerFor: () => this.#options.handler,
    });
  }

  #newClient(): TunnelClient {
    const { transport = "tls", limits, sign = EDGE_KEY.sign, random = Math.random } = this.#options;
    return new TunnelClient({
      edgeName: EDGE_NAME,
      serverName: SERVER_NAME,
      sign,
      limits: { ...DEFAULT_SESSION_LIMITS, ...limits },
      clock: SYSTEM_CLOCK,
      log: this.edgeLog.log,
      backoff: new Backoff({ ...(this.#options.backoff ?? { initialMs: 10, maxMs: 100 }), random }),
      stableAfterMs: this.#options.stableAfterMs ?? 0,
      dial: (signal) =>
        dialLane({
          transport,
          address: transport === "tls" ? this.proxy.address : this.#listener.localAddress,
          serverName: SERVER_NAME,
          caCertificates: [TRUST.caPem],
          connectTimeoutMs: 5_000,
          signal,
        }),
      onUp: () => this.#options.onUp?.(),
      onRoom: () => this.#options.onRoom?.(),
    });
  }
}

/** One exchange as its caller sees it. */
export interface LiveCall {
  readonly request: RequestReceiver;
  readonly answer: LiveAnswer;
}

/** A real log that keeps its lines. */
export class LogLines {
  readonly log: Logger;
  readonly #chunks: Uint8Array[] = [];

  constructor(node: string) {
    this.log = createLogger({ node, write: (bytes) => this.#chunks.push(bytes.slice()) });
    this.log.close();
  }

  /** Lines of `event`. */
  of(event: string): Record<string, unknown>[] {
    this.log.flush();
    const text = new TextDecoder().decode(Buffer.concat(this.#chunks));
    return text.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line))
      .filter((line) => line.event === event);
  }
}

/** Looks at `condition` once a turn of the event loop until it holds. */
export async function eventually(condition: () => boolean, describe = () => ""): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  while (!condition()) {
    if (performance.now() > deadline) fail(`waited in vain for ${condition}: ${describe()}`);
    await new Promise((turn) => setTimeout(turn, 0));
  }
}

export function createEdgeKey(): { sign: EdgeSigner; publicKey: string } {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  return {
    sign: edgeSigner(privateKey.export({ type: "pkcs8", format: "pem" }).toString()),
    publicKey: Buffer.from(publicKey.export({ type: "spki", format: "der" })).toString("base64"),
  };
}

function fail(message: string): never {
  throw new Error(message);
}
