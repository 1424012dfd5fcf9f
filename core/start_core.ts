/** Builds a core from its configuration and starts it. */
import { startAdmin } from "../shared/admin/start_admin.ts";
import type { Readiness } from "../shared/admin/admin_app.ts";
import { SYSTEM_CLOCK } from "../shared/clock/clock.ts";
import { type Address, formatAddress } from "../shared/config/address.ts";
import type { CoreConfig } from "../shared/config/core_schema.ts";
import type { ExchangeContext } from "../shared/exchange/exchange.ts";
import { EdgeKeys } from "../shared/handshake/edge_keys.ts";
import { HandshakeTally } from "../shared/handshake/handshake_tally.ts";
import type { RunningNode } from "../shared/node/run_node.ts";
import type { ExchangePlace } from "../shared/observe/access_log.ts";
import { createExchangeWatcher } from "../shared/observe/exchange_watcher.ts";
import { createLogger, type Logger } from "../shared/observe/logger.ts";
import { createMetrics, type Metrics } from "../shared/observe/metrics.ts";
import { loadCertificates } from "../shared/server/certificate_store.ts";
import type { Listener } from "../shared/server/listener.ts";
import { listenError } from "../shared/server/open_listener.ts";
import { readSession } from "../shared/session/session_reading.ts";
import type { LaneCertificate, LaneListener, LaneTransport } from "../shared/transport/lane_connection.ts";
import { readTcpLaneCongestion } from "../shared/transport/lane_congestion.ts";
import { EventModeration } from "../shared/transport/event_moderation.ts";
import { openLibcSleep } from "../shared/transport/libc.ts";
import { listenLanes } from "../shared/transport/lane_transport.ts";
import { DEFAULT_SESSION_LIMITS } from "../shared/tunnel/session_limits.ts";
import { ApiKeyAuthenticator } from "./auth/api_key_authenticator.ts";
import { ANONYMOUS, type AuthenticateOptions } from "./auth/authenticate.ts";
import type { Principal } from "./auth/principal.ts";
import { RoundRobinPicker } from "./balancer/endpoint_picker.ts";
import { RequestLimiter } from "./limiter/request_limiter.ts";
import { type OriginEndpoint } from "./origin/origin_client.ts";
import { OriginFleet } from "./origin/origin_fleet.ts";
import { corePipeline } from "./pipeline.ts";
import { PeekBudget } from "./routing/model_peek.ts";
import { type Route, RouteTable } from "./routing/route_table.ts";
import { TunnelServer } from "./session/tunnel_server.ts";

/** A running core, with the addresses that it really listens on. */
export interface RunningCore extends RunningNode {
  /** By order of the configured listeners. */
  readonly tunnelAddresses: readonly string[];
  readonly adminAddress: string;
}

export async function startCore(config: CoreConfig): Promise<RunningCore> {
  const clock = SYSTEM_CLOCK;
  const log = createLogger({ node: "core", level: config.log.level });
  const metrics = createMetrics({ node: "core" });
  const moderation = new EventModeration({
    now: clock.now,
    sleepMicroseconds: openLibcSleep(),
    atEndOfTurn: (callback) => void setImmediate(callback),
  });
  const fleet = await OriginFleet.create(config.origins, {
    clock,
    onRead: (bytes) => moderation.read(bytes),
  });
  const places = new WeakMap<ExchangeContext, ExchangePlace>();
  const handlerFor = corePipeline({
    watcher: createExchangeWatcher({
      clock,
      log: config.log.access ? log : { ...log, isEnabled: () => false },
      metrics,
      placeOf: (request) => places.get(request.context) ?? NOWHERE,
    }),
    auth: authOptions(config),
    limits: {
      limiter: new RequestLimiter(config.limits),
      now: clock.now,
      onRefused: (scope) => metrics.limiter.rejected(scope),
    },
    routing: {
      routes: new RouteTable(routesOf(config, fleet)),
      maxPeekBytes: config.routing.maxPeekBytes,
      budget: new PeekBudget(config.routing.maxPeekBytesOverall),
    },
    picking: {
      picker: new RoundRobinPicker(),
      dispatch: (endpoint: OriginEndpoint) => fleet.dispatch(endpoint),
      onPicked: (exchange, endpoint) =>
        places.set(exchange.request.context, {
          lane: null,
          route: exchange.route.name,
          principal: exchange.principal.name,
          edge: exchange.edge,
          endpoint: endpoint.name,
        }),
    },
  });

  const { certificate, serverNames } = await loadCertificate(config);
  const tally = new HandshakeTally();
  const server = new TunnelServer({
    keys: new EdgeKeys(config.tunnel.edges.map(toEdgeKey)),
    serverNames,
    limits: {
      ...DEFAULT_SESSION_LIMITS,
      maxStreams: config.tunnel.maxStreams,
      pingIntervalMs: config.tunnel.heartbeatIntervalMs,
      laneTimeoutMs: config.tunnel.deadAfterMs,
      resumeTimeoutMs: config.tunnel.resumeTimeoutMs,
    },
    clock,
    log,
    tally,
    maxConnections: config.tunnel.maxConnections,
    wallClock: Date.now,
    handlerFor,
  });
  metrics.tunnel.setSource(() =>
    [...server.sessions].map(({ edge, driver }) => readSession(driver, { peer: edge, reconnects: 0 }))
  );
  metrics.origins.setSource(() => fleet.readings());
  const admin = await startAdmin({
    address: formatAddress(config.admin.address),
    metrics,
    log,
    readiness: () => readinessOf(server),
  });
  const listeners = openListeners(config, certificate, log);
  metrics.tunnelGate.setSource({
    handshakes: () => ({ ...tally.refused, accepted: tally.accepted }),
    laneListeners: () =>
      listeners.map(({ transport, counters }) => ({ transport, outcomes: { ...counters } })),
  });
  const serving = Promise.all(listeners.map((listener) => server.serve(listener)));
  return runningCore({ config, log, metrics, fleet, server, admin, listeners, serving });
}

const NOWHERE: ExchangePlace = { lane: null, route: null };

interface CoreParts {
  readonly config: CoreConfig;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly fleet: OriginFleet;
  readonly server: TunnelServer;
  readonly admin: Listener;
  readonly listeners: readonly LaneListener[];
  /** Settles when every lane listener is closed. */
  readonly serving: Promise<unknown>;
}

function runningCore(parts: CoreParts): RunningCore {
  const { config, log, metrics, fleet, server, admin, listeners } = parts;
  return {
    tunnelAddresses: listeners.map((listener) => listener.localAddress),
    adminAddress: admin.address,
    async drain() {
      log.info("draining", { graceMs: config.tunnel.drainGraceMs });
      await server.drain(AbortSignal.timeout(config.tunnel.drainGraceMs));
      for (const listener of listeners) listener.close();
      await parts.serving;
      await fleet.close();
      await admin.drain({ graceMs: 0 });
      metrics.close();
      log.info("drained");
      log.close();
    },
    kill: () => log.close(),
    async reload() {
      try {
        const { certificate } = await loadCertificate(config);
        for (const listener of listeners) await listener.replaceCertificate(certificate);
        log.info("reloaded", { certificate: config.tunnel.certificateFile });
      } catch (error) {
        log.error("reload_failed", { reason: error instanceof Error ? error.message : String(error) });
      }
    },
  };
}

function authOptions({ auth }: CoreConfig): AuthenticateOptions {
  if (auth.mode === "none") return { authenticators: [], anonymous: ANONYMOUS };
  const principals = new Map<string, Principal>(
    auth.apiKeys.map((key) => [key.hash, { name: key.name, requestRate: key.rateLimit }]),
  );
  const { headers, queryParameter } = auth;
  return {
    authenticators: [new ApiKeyAuthenticator({ principals, headers, queryParameter })],
    anonymous: null,
  };
}

function routesOf(config: CoreConfig, fleet: OriginFleet): Route[] {
  return config.routes.map((route, index) => {
    const origin = fleet.get(route.origin);
    if (origin === undefined) throw new TypeError(`route ${index + 1} leads to no origin`);
    const { models, paths } = route;
    return {
      name: `${index + 1}:${route.origin}`,
      models,
      paths,
      origin,
      passesCaching: route.cache === "pass",
    };
  });
}

function toEdgeKey(edge: CoreConfig["tunnel"]["edges"][number]) {
  const { name, publicKey, notAfter } = edge;
  return notAfter === null ? { name, publicKey } : { name, publicKey, notAfter };
}

async function loadCertificate(
  { tunnel }: CoreConfig,
): Promise<{ certificate: LaneCertificate; serverNames: ReadonlySet<string> }> {
  const { certificateFile, keyFile } = tunnel;
  const [loaded] = await loadCertificates([{ certificateFile, keyFile }]);
  if (loaded === undefined) throw new TypeError("one certificate was asked for");
  const { certificatePem, keyPem, names } = loaded;
  return { certificate: { certPem: certificatePem, keyPem }, serverNames: new Set(names) };
}

function openListeners(config: CoreConfig, certificate: LaneCertificate, log: Logger): LaneListener[] {
  if (
    config.tunnel.listeners.some((listener) => listener.transport === "tls") && !readTcpLaneCongestion().isBbr
  ) {
    log.warn("tcp_lanes_without_bbr", {
      algorithm: readTcpLaneCongestion().algorithm,
      advice: "set net.ipv4.tcp_congestion_control=bbr: others collapse at 1 % loss",
    });
  }
  return config.tunnel.listeners.map(({ address, transport }) => {
    const listener = openLaneListener(config, { address, transport, certificate });
    if (listener.warning !== null) log.warn("lane_listener", { reason: listener.warning });
    log.info("tunnel_listening", { address: listener.localAddress, transport });
    return listener;
  });
}

function openLaneListener(
  config: CoreConfig,
  { address, transport, certificate }: {
    address: Address;
    transport: LaneTransport;
    certificate: LaneCertificate;
  },
): LaneListener {
  const limits = { handshakeTimeoutMs: config.tunnel.handshakeTimeoutMs };
  try {
    return listenLanes({ address: formatAddress(address), transport, certificate, limits });
  } catch (error) {
    throw listenError(address, error, transport === "quic" ? "udp" : "tcp");
  }
}

function readinessOf(server: TunnelServer): Readiness {
  const sessions = [...server.sessions];
  if (sessions.length === 0) return { ready: false, reasons: ["no edge is connected"] };
  const isAnswered = sessions.some(({ driver }) =>
    [...driver.lanes].some((lane) => lane.lane.roundTripMs !== null && lane.lane.state === "live")
  );
  return isAnswered
    ? { ready: true, reasons: [] }
    : { ready: false, reasons: ["no edge has answered a ping through the tunnel"] };
}
