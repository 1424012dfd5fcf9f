/** Builds an edge from its configuration and starts it. */
import { startAdmin } from "../shared/admin/start_admin.ts";
import type { Readiness } from "../shared/admin/admin_app.ts";
import { SYSTEM_CLOCK } from "../shared/clock/clock.ts";
import { formatAddress } from "../shared/config/address.ts";
import type { EdgeConfig } from "../shared/config/edge_schema.ts";
import { edgeSigner } from "../shared/handshake/edge_signer.ts";
import { requestIdSource } from "../shared/node/request_id.ts";
import type { RunningNode } from "../shared/node/run_node.ts";
import { createExchangeWatcher } from "../shared/observe/exchange_watcher.ts";
import { createLogger, type Logger } from "../shared/observe/logger.ts";
import { createMetrics, type Metrics } from "../shared/observe/metrics.ts";
import type { Outcomes } from "../shared/observe/tunnel_gate_metrics.ts";
import { listen, type Listener } from "../shared/server/listener.ts";
import { readSession } from "../shared/session/session_reading.ts";
import { dialLane } from "../shared/transport/lane_transport.ts";
import { readTcpLaneCongestion } from "../shared/transport/lane_congestion.ts";
import { DEFAULT_SESSION_LIMITS } from "../shared/tunnel/session_limits.ts";
import { edgePipeline } from "./pipeline.ts";
import { Backoff } from "./session/backoff.ts";
import { CoreProbe } from "./session/probe_core.ts";
import {
  TunnelClient,
  type TunnelClientCounters,
  type TunnelClientOptions,
} from "./session/tunnel_client.ts";
import { WaitingRoom } from "./session/wait_for_tunnel.ts";

const PROBE_INTERVAL_MS = 2_000;
/** A lane that lived so long makes the next wait small again. */
const STABLE_AFTER_MS = 5_000;

/** A running edge, with the addresses that it really listens on. */
export interface RunningEdge extends RunningNode {
  readonly address: string;
  readonly adminAddress: string;
}

export async function startEdge(config: EdgeConfig): Promise<RunningEdge> {
  const clock = SYSTEM_CLOCK;
  const log = createLogger({ node: "edge", level: config.log.level });
  const metrics = createMetrics({ node: "edge" });
  const newRequestId = requestIdSource();
  warnOfCongestionControl(config, log);

  const waitingRoom = new WaitingRoom({
    clock,
    waitTimeoutMs: config.tunnel.waitTimeoutMs,
    maxWaiting: config.tunnel.maxWaiting,
    open: (request, answer) => tunnel.open(request, answer),
  });
  const probe = new CoreProbe({
    clock,
    intervalMs: PROBE_INTERVAL_MS,
    newRequestId,
    open: (request, answer) => tunnel.open(request, answer),
  });
  const tunnel = await createTunnel(config, log, {
    onUp() {
      waitingRoom.admit();
      probe.probe();
    },
    // Not within the call that ended a stream: those that wait must not run inside of it.
    onRoom: () => {
      if (waitingRoom.waitingCount > 0) queueMicrotask(() => waitingRoom.admit());
    },
  });
  metrics.tunnel.setSource(() => readTunnel(tunnel, config.tunnel.cores[0]?.serverName ?? ""));
  metrics.tunnelGate.setSource({
    dials: () => outcomesOf(tunnel.counters),
    waitingRequests: () => waitingRoom.waitingCount,
    probeMs: () => probe.roundTripMs,
  });

  const handler = edgePipeline({
    watcher: createExchangeWatcher({
      clock,
      log: config.log.access ? log : withoutAccessLines(log),
      metrics,
      placeOf: () => ({ lane: tunnel.transport, route: null }),
    }),
    stripCaching: { exceptPaths: config.zeroCache.exceptPaths },
    compression: { compression: config.sse.compression },
    eventStreams: {
      clock,
      heartbeatIntervalMs: config.sse.heartbeatIntervalMs,
      maxAgeMs: config.sse.maxAgeMs,
      onEvents: (count) => metrics.traffic.tokens += count,
    },
    coalescing: { clock, ...config.sse.coalesce },
    watermarks: {
      highWatermark: config.backpressure.highWatermark,
      lowWatermark: config.backpressure.lowWatermark,
      onPaused: () => metrics.traffic.pauses++,
    },
    pace: { clock, maxBytesPerSecond: config.backpressure.maxWriteRateBytesPerSecond },
    tunnel: waitingRoom.handler,
  });

  const admin = await startAdmin({
    address: formatAddress(config.admin.address),
    metrics,
    log,
    readiness: () => readinessOf(tunnel, probe),
  });
  const listener = await listen({
    address: formatAddress(config.listener.address),
    tls: { certificates: config.listener.certificates },
    handshakeTimeoutMs: config.listener.tlsHandshakeTimeoutMs,
    maxConnections: config.listener.maxConnections,
    maxConnectionsPerAddress: config.listener.maxConnectionsPerAddress,
    connectionEnded: (durationMs) => metrics.connections.connectionEnded(durationMs),
    log,
    serve: {
      handler,
      newRequestId,
      clock: clock.now,
      http1: config.http1,
      http2: config.http2,
      stallTimeoutMs: config.backpressure.stallTimeoutMs,
    },
  });
  metrics.connections.addListener("clients", listener);
  const running = tunnel.run();
  return runningEdge({ config, log, metrics, listener, admin, tunnel, probe, waitingRoom, running });
}

interface EdgeParts {
  readonly config: EdgeConfig;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly listener: Listener;
  readonly admin: Listener;
  readonly tunnel: TunnelClient;
  readonly probe: CoreProbe;
  readonly waitingRoom: WaitingRoom;
  /** Settles when the tunnel client has stopped. */
  readonly running: Promise<void>;
}

function runningEdge(parts: EdgeParts): RunningEdge {
  const { config, log, metrics, listener, admin, tunnel, probe, waitingRoom } = parts;
  const forced = new AbortController();
  return {
    address: listener.address,
    adminAddress: admin.address,
    async drain() {
      log.info("draining", { graceMs: config.listener.drainGraceMs });
      waitingRoom.close();
      const { forcedConnections } = await listener.drain({ graceMs: config.listener.drainGraceMs });
      probe.stop();
      // Every exchange has ended with its connection: nothing is left that the tunnel could wait for.
      await tunnel.drain(AbortSignal.any([forced.signal, AbortSignal.timeout(1_000)]));
      await parts.running;
      await admin.drain({ graceMs: 0 });
      metrics.close();
      log.info("drained", { forcedConnections });
      log.close();
    },
    kill() {
      forced.abort();
      log.close();
    },
    async reload() {
      const result = await listener.reloadCertificates();
      if (result.kind === "failed") log.error("reload_failed", { reason: result.error.message });
      else log.info("reloaded", { certificates: result.kind });
    },
  };
}

async function createTunnel(
  config: EdgeConfig,
  log: Logger,
  { onUp, onRoom }: Pick<TunnelClientOptions, "onUp" | "onRoom">,
): Promise<TunnelClient> {
  const { tunnel } = config;
  const core = tunnel.cores[0];
  if (core === undefined) throw new TypeError("an edge needs a core");
  const caCertificates = [await Deno.readTextFile(tunnel.caFile)];
  return new TunnelClient({
    edgeName: config.name,
    serverName: core.serverName,
    sign: edgeSigner(await Deno.readTextFile(tunnel.edgeKeyFile)),
    limits: { ...DEFAULT_SESSION_LIMITS, maxStreams: tunnel.maxStreams },
    clock: SYSTEM_CLOCK,
    log,
    backoff: new Backoff({
      initialMs: tunnel.reconnectInitialMs,
      maxMs: tunnel.reconnectMaxMs,
      random: Math.random,
    }),
    stableAfterMs: STABLE_AFTER_MS,
    dial: (signal) =>
      dialLane({
        transport: core.transport,
        address: formatAddress(core.address),
        serverName: core.serverName,
        caCertificates,
        connectTimeoutMs: tunnel.connectTimeoutMs,
        signal,
      }),
    onUp,
    onRoom,
  });
}

function readinessOf(tunnel: TunnelClient, probe: CoreProbe): Readiness {
  if (!tunnel.isUp) return { ready: false, reasons: ["the tunnel to the core is down"] };
  if (probe.roundTripMs === null) {
    return { ready: false, reasons: ["no probe has come back through the tunnel"] };
  }
  return { ready: true, reasons: [] };
}

function outcomesOf({ lanesOpened, dialFailures, handshakesRefused }: TunnelClientCounters): Outcomes {
  return { opened: lanesOpened, unreachable: dialFailures, refused: handshakesRefused };
}

function readTunnel(tunnel: TunnelClient, peer: string) {
  const reconnects = Math.max(0, tunnel.counters.lanesOpened - 1);
  return tunnel.session === null ? [] : [readSession(tunnel.session, { peer, reconnects })];
}

function withoutAccessLines(log: Logger): Logger {
  return { ...log, isEnabled: () => false };
}

function warnOfCongestionControl(config: EdgeConfig, log: Logger): void {
  if (config.tunnel.cores.every((core) => core.transport !== "tls")) return;
  const { algorithm, isBbr } = readTcpLaneCongestion();
  if (!isBbr) {
    log.warn("tcp_lanes_without_bbr", {
      algorithm,
      advice: "set net.ipv4.tcp_congestion_control=bbr: others collapse at 1 % loss",
    });
  }
}
