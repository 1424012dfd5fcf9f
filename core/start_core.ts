/** Builds a core from its configuration and starts it. */
import { startAdmin } from "../shared/admin/start_admin.ts";
import type { Readiness } from "../shared/admin/admin_app.ts";
import { SYSTEM_CLOCK } from "../shared/clock/clock.ts";
import { formatAddress } from "../shared/config/address.ts";
import type { CoreConfig } from "../shared/config/core_schema.ts";
import type { ExchangeContext } from "../shared/exchange/exchange.ts";
import { HandshakeTally } from "../shared/handshake/handshake_tally.ts";
import { PeerKeys } from "../shared/handshake/peer_keys.ts";
import type { RunningNode } from "../shared/node/run_node.ts";
import type { ExchangePlace } from "../shared/observe/access_log.ts";
import { createExchangeWatcher } from "../shared/observe/exchange_watcher.ts";
import { createLogger, type Logger, withoutAccessLines } from "../shared/observe/logger.ts";
import { createMetrics, type Metrics } from "../shared/observe/metrics.ts";
import { type RunningStallWatch, startStallWatch } from "../shared/observe/start_stall_watch.ts";
import { loadCertificates } from "../shared/server/certificate_store.ts";
import type { Listener } from "../shared/server/listener.ts";
import { LaneListeners } from "../shared/session/lane_listeners.ts";
import type { LaneCertificate } from "../shared/transport/lane_connection.ts";
import { warnOfTcpCongestion } from "../shared/transport/lane_congestion.ts";
import { EventModeration } from "../shared/transport/event_moderation.ts";
import { openLibcSleep } from "../shared/transport/libc.ts";
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
import { type EdgeDialers, startEdgeDialers } from "./session/start_edge_dialers.ts";
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
      log: config.log.access ? log : withoutAccessLines(log),
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

  const shown = await loadCertificate(config);
  const tally = new HandshakeTally();
  const stalls = startStallWatch({ role: "core", clock, log, metrics });
  const server = new TunnelServer({
    keys: new PeerKeys(config.tunnel.edges.map(toPeerKey)),
    serverNames: shown?.serverNames ?? new Set(),
    limits: {
      ...DEFAULT_SESSION_LIMITS,
      maxStreams: config.tunnel.maxStreams,
      pingIntervalMs: config.tunnel.heartbeatIntervalMs,
      laneTimeoutMs: config.tunnel.deadAfterMs,
      resumeTimeoutMs: config.tunnel.resumeTimeoutMs,
    },
    redundancy: config.tunnel.redundancy,
    clock,
    log,
    tally,
    maxConnections: config.tunnel.maxConnections,
    stalls: stalls.watch,
    wallClock: Date.now,
    handlerFor,
  });
  if (waysOf(config).some(({ transport }) => transport !== "quic")) warnOfTcpCongestion(log);
  const admin = await startAdmin({
    address: formatAddress(config.admin.address),
    metrics,
    log,
    readiness: () => readinessOf(server, listeners),
  });
  const listeners = shown === null ? null : new LaneListeners({
    listeners: config.tunnel.listeners,
    certificate: shown.certificate,
    limits: { handshakeTimeoutMs: config.tunnel.handshakeTimeoutMs },
    clock,
    log,
    serve: (listener) => server.serve(listener),
  });
  const { dial } = config.tunnel;
  const dialers = dial === null
    ? null
    : await startEdgeDialers(dial, { coreName: config.name, server, clock, log });
  metrics.tunnel.setSource(() => server.readPeers());
  metrics.origins.setSource(() => fleet.readings());
  metrics.tunnelGate.setSource({
    handshakes: () => ({ ...tally.refused, accepted: tally.accepted }),
    laneListeners: () =>
      (listeners?.open ?? []).map(({ transport, counters }) => ({ transport, outcomes: { ...counters } })),
    ...(dialers === null ? {} : { laneDials: () => dialers.readDials() }),
  });
  return runningCore({ config, log, metrics, stalls, fleet, server, admin, listeners, dialers });
}

const NOWHERE: ExchangePlace = { lane: null, route: null };
/** For a scrape that is under way when the core is told to stop. */
const ADMIN_GRACE_MS = 1_000;

interface CoreParts {
  readonly config: CoreConfig;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly stalls: RunningStallWatch;
  readonly fleet: OriginFleet;
  readonly server: TunnelServer;
  readonly admin: Listener;
  /** Null: this core only dials. */
  readonly listeners: LaneListeners | null;
  /** Null: this core is only dialled. */
  readonly dialers: EdgeDialers | null;
}

function runningCore(parts: CoreParts): RunningCore {
  const { config, log, metrics, fleet, server, admin, listeners, dialers } = parts;
  return {
    tunnelAddresses: listeners?.addresses ?? [],
    adminAddress: admin.address,
    async drain() {
      log.info("draining", { graceMs: config.tunnel.drainGraceMs });
      // A successor on this machine is to find its ports free, this one included.
      const adminDrained = admin.drain({ graceMs: ADMIN_GRACE_MS });
      listeners?.drain();
      dialers?.drain();
      await server.drain(AbortSignal.timeout(config.tunnel.drainGraceMs));
      await Promise.all([listeners?.close(), dialers?.stop()]);
      await fleet.close();
      parts.stalls.close();
      await adminDrained;
      metrics.close();
      log.info("drained");
      log.close();
    },
    kill: () => log.close(),
    async reload() {
      try {
        const shown = await loadCertificate(config);
        if (shown !== null) await listeners?.replaceCertificate(shown.certificate);
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

function toPeerKey(edge: CoreConfig["tunnel"]["edges"][number]) {
  const { name, publicKey, notAfter } = edge;
  return notAfter === null ? { name, publicKey } : { name, publicKey, notAfter };
}

interface ShownCertificate {
  readonly certificate: LaneCertificate;
  readonly serverNames: ReadonlySet<string>;
}

/** Null for a core without listeners. */
async function loadCertificate({ tunnel }: CoreConfig): Promise<ShownCertificate | null> {
  const { listeners, certificateFile, keyFile } = tunnel;
  if (listeners.length === 0) return null;
  if (certificateFile === null || keyFile === null) throw new TypeError("listeners need a certificate");
  const [loaded] = await loadCertificates([{ certificateFile, keyFile }]);
  if (loaded === undefined) throw new TypeError("one certificate was asked for");
  const { certificatePem, keyPem, names } = loaded;
  return { certificate: { certPem: certificatePem, keyPem }, serverNames: new Set(names) };
}

/** All transports that lanes of this core may run on. */
function waysOf({ tunnel }: CoreConfig) {
  return [...tunnel.listeners, ...(tunnel.dial?.edges ?? []).flatMap(({ addresses }) => addresses)];
}

function readinessOf(server: TunnelServer, listeners: LaneListeners | null): Readiness {
  const reasons = listeners?.problems ?? [];
  const sessions = [...server.sessions];
  if (sessions.length === 0) return { ready: false, reasons: ["no edge is connected", ...reasons] };
  const isAnswered = sessions.some(({ driver }) =>
    [...driver.lanes].some((lane) => lane.lane.roundTripMs !== null && lane.lane.state === "live")
  );
  return isAnswered
    ? { ready: true, reasons }
    : { ready: false, reasons: ["no edge has answered a ping through the tunnel", ...reasons] };
}
