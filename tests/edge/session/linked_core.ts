/** A core in this process that edges reach over real lanes, each transport through a proxy that can cut or block it. */
import { Buffer } from "node:buffer";
import { generateKeyPairSync } from "node:crypto";
import { TunnelServer } from "../../../core/session/tunnel_server.ts";
import { CoreLink, type CoreLinkOptions } from "../../../edge/session/core_link.ts";
import type { LaneRoute } from "../../../edge/session/lane_routes.ts";
import { SYSTEM_CLOCK } from "../../../shared/clock/clock.ts";
import type { ExchangeHandler, RequestHead, RequestReceiver } from "../../../shared/exchange/exchange.ts";
import { HandshakeTally } from "../../../shared/handshake/handshake_tally.ts";
import { PeerKeys } from "../../../shared/handshake/peer_keys.ts";
import { type PeerSigner, peerSigner } from "../../../shared/handshake/peer_signer.ts";
import type { SessionDriver } from "../../../shared/session/session_driver.ts";
import { SessionWatcher } from "../../../shared/session/session_watcher.ts";
import type { LaneListener, LaneTransport } from "../../../shared/transport/lane_connection.ts";
import { dialLane } from "../../../shared/transport/lane_transport.ts";
import { DEFAULT_REDUNDANCY } from "../../../shared/tunnel/redundancy.ts";
import { DEFAULT_SESSION_LIMITS, type SessionLimits } from "../../../shared/tunnel/session_limits.ts";
import { eventually } from "../../support/eventually.ts";
import { LiveAnswer, LiveHandler } from "../../support/live_exchange.ts";
import { LogLines } from "../../support/log_lines.ts";
import { requestHead } from "../../support/recorded_exchange.ts";
import { TcpProxy } from "../../shared/session/tcp_proxy.ts";
import { listenOnLoopback, SERVER_NAME, TRUST } from "../../shared/transport/lane_fixture.ts";
import { UdpProxy } from "./udp_proxy.ts";

const EDGE_NAME = "hk-1";
const EDGE_KEY = createKey();
const LIMITS: SessionLimits = { ...DEFAULT_SESSION_LIMITS, pingIntervalMs: 100, laneTimeoutMs: 500 };

interface RunningServer {
  readonly server: TunnelServer;
  readonly listeners: ReadonlyMap<LaneTransport, LaneListener>;
  readonly serving: Promise<unknown>;
}

export interface LinkedCoreOptions {
  /** In order of preference. @default ["quic", "tls"] */
  readonly transports?: readonly LaneTransport[];
  readonly limits?: Partial<SessionLimits>;
  /** What stands before the handler. @default nothing */
  readonly wrap?: (handler: ExchangeHandler) => ExchangeHandler;
}

export class LinkedCore implements AsyncDisposable {
  /** What the core's pipeline would be. */
  readonly handler = new LiveHandler();
  readonly tally = new HandshakeTally();
  readonly log = new LogLines("core");
  /** What the edge dials: the proxies. */
  readonly routes: readonly LaneRoute[];
  readonly udp: UdpProxy;
  readonly tcp: ReadonlyMap<LaneTransport, TcpProxy>;
  readonly #transports: readonly LaneTransport[];
  readonly #limits: SessionLimits;
  readonly #wrapped: ExchangeHandler;
  #running: RunningServer;

  constructor({ transports = ["quic", "tls"], limits, wrap }: LinkedCoreOptions = {}) {
    this.#wrapped = wrap?.(this.handler.handler) ?? this.handler.handler;
    this.#transports = transports;
    this.#limits = { ...LIMITS, ...limits };
    this.#running = this.#run();
    const target = (transport: LaneTransport) =>
      this.#running.listeners.get(transport)?.localAddress ?? "127.0.0.1:1";
    this.udp = new UdpProxy(target("quic"));
    const overTcp = transports.filter((transport) => transport !== "quic");
    this.tcp = new Map(overTcp.map((transport) => [transport, new TcpProxy(target(transport))]));
    this.routes = transports.map((transport) => ({
      transport,
      address: this.tcp.get(transport)?.address ?? this.udp.address,
    }));
  }

  get sessions(): SessionDriver[] {
    return [...this.#running.server.sessions].map(({ driver }) => driver);
  }

  /** New exchanges are for other cores; resolves when the last has ended. */
  drain(): Promise<void> {
    return this.#running.server.drain(new AbortController().signal);
  }

  /** The core's process is gone, without a word on TCP and with silence on UDP. */
  async die(): Promise<void> {
    const { server, listeners, serving } = this.#running;
    this.udp.target = "127.0.0.1:1";
    for (const proxy of this.tcp.values()) {
      proxy.target = "127.0.0.1:1";
      proxy.cut();
    }
    for (const listener of listeners.values()) listener.close();
    await server.drain(AbortSignal.abort());
    await serving;
  }

  /** The core's process is gone, and another is there before any edge has noticed; resolves when the old one is cleared away. */
  async replace(): Promise<void> {
    const old = this.#running;
    this.start();
    for (const proxy of this.tcp.values()) proxy.cut();
    for (const listener of old.listeners.values()) listener.close();
    await old.server.drain(AbortSignal.abort());
    await old.serving;
  }

  /** A successor takes the TCP ports of a core that drains; resolves when the old one has drained. */
  async handOver(): Promise<void> {
    const old = this.#running;
    const drained = old.server.drain(new AbortController().signal);
    const udpTarget = this.udp.target;
    this.start();
    this.udp.target = udpTarget;
    await drained;
    for (const listener of old.listeners.values()) listener.close();
    await old.serving;
  }

  /** Another process in its place. */
  start(): void {
    this.#running = this.#run();
    for (const [transport, { localAddress }] of this.#running.listeners) {
      const proxy = this.tcp.get(transport) ?? this.udp;
      proxy.target = localAddress;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.die();
    await Promise.all([this.udp.close(), ...[...this.tcp.values()].map((proxy) => proxy.close())]);
  }

  #run(): RunningServer {
    const server = new TunnelServer({
      keys: new PeerKeys([{ name: EDGE_NAME, publicKey: EDGE_KEY.publicKey }]),
      serverNames: new Set([SERVER_NAME]),
      limits: this.#limits,
      redundancy: DEFAULT_REDUNDANCY,
      clock: SYSTEM_CLOCK,
      log: this.log.log,
      tally: this.tally,
      maxConnections: 100,
      wallClock: Date.now,
      handlerFor: () => this.#wrapped,
    });
    const listeners = new Map(
      this.#transports.map((transport) => [transport, listenOnLoopback(transport)] as const),
    );
    const serving = Promise.all(listeners.values().map((listener) => server.serve(listener)));
    return { server, listeners, serving };
  }
}

/** An edge's link to a core, with its log. */
export class TestLink implements AsyncDisposable {
  readonly link: CoreLink;
  readonly log = new LogLines("edge");
  ups = 0;

  constructor(
    routes: readonly LaneRoute[],
    options: Partial<CoreLinkOptions> & { connectTimeoutMs?: number; isStarted?: boolean } = {},
  ) {
    const { connectTimeoutMs = 5_000, isStarted = true } = options;
    this.link = new CoreLink({
      name: "sz-1",
      edgeName: EDGE_NAME,
      serverName: SERVER_NAME,
      lanes: 3,
      backoff: { initialMs: 10, maxMs: 100 },
      stableAfterMs: 0,
      sign: EDGE_KEY.sign,
      limits: DEFAULT_SESSION_LIMITS,
      redundancy: DEFAULT_REDUNDANCY,
      clock: SYSTEM_CLOCK,
      log: this.log.log,
      watcher: new SessionWatcher({ log: this.log.log }),
      stalls: null,
      random: Math.random,
      ways: {
        routes,
        dial: ({ address, transport }, signal) =>
          dialLane({
            transport,
            address,
            serverName: SERVER_NAME,
            caCertificates: [TRUST.caPem],
            connectTimeoutMs,
            signal,
          }),
      },
      onUp: () => this.ups++,
      onRoom: () => {},
      ...options,
    });
    if (isStarted) this.link.start();
  }

  /** What carries the session's lanes, sorted. */
  get transports(): string[] {
    return [...(this.link.session?.lanes ?? [])].map(({ transport }) => transport).toSorted();
  }

  async untilLanes(...transports: LaneTransport[]): Promise<void> {
    await eventually(() => this.transports.join() === transports.join(), () => this.transports.join());
  }

  /** Starts an exchange. */
  ask(head: Partial<RequestHead> = {}): { request: RequestReceiver; answer: LiveAnswer } {
    const answer = new LiveAnswer();
    const request = this.link.open(requestHead(head), answer);
    if (request === null) throw new Error("the link takes no exchange");
    answer.request = request;
    return { request, answer };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.link.drain(AbortSignal.abort());
  }
}

export function createKey(): { sign: PeerSigner; publicKey: string } {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  return {
    sign: peerSigner(privateKey.export({ type: "pkcs8", format: "pem" }).toString()),
    publicKey: Buffer.from(publicKey.export({ type: "spki", format: "der" })).toString("base64"),
  };
}
