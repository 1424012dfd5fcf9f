/** Builds an edge from its configuration and starts it. */
import { startAdmin } from "../shared/admin/start_admin.ts";
import { SYSTEM_CLOCK } from "../shared/clock/clock.ts";
import { formatAddress } from "../shared/config/address.ts";
import type { EdgeConfig } from "../shared/config/edge_schema.ts";
import type { ExchangeContext } from "../shared/exchange/exchange.ts";
import { requestIdSource } from "../shared/node/request_id.ts";
import type { RunningNode } from "../shared/node/run_node.ts";
import type { ExchangePlace } from "../shared/observe/access_log.ts";
import { createExchangeWatcher } from "../shared/observe/exchange_watcher.ts";
import { createLogger, describeError, type Logger, withoutAccessLines } from "../shared/observe/logger.ts";
import { createMetrics, type Metrics } from "../shared/observe/metrics.ts";
import { type RunningStallWatch, startStallWatch } from "../shared/observe/start_stall_watch.ts";
import type { TunnelGateSource } from "../shared/observe/tunnel_gate_metrics.ts";
import { listen, type Listener } from "../shared/server/listener.ts";
import { SessionWatcher } from "../shared/session/session_watcher.ts";
import { warnOfTcpCongestion } from "../shared/transport/lane_congestion.ts";
import { edgePipeline } from "./pipeline.ts";
import { type RunningReverseListener, startReverseListener } from "./reverse/start_reverse_listener.ts";
import type { CoreFleet } from "./session/core_fleet.ts";
import type { CoreLink } from "./session/core_link.ts";
import { createFleet } from "./session/create_fleet.ts";
import { WaitingRoom } from "./session/wait_for_tunnel.ts";

/** From the end of the grace, when every exchange left is cut, until the connections are. */
const TELLING_CLIENTS_MS = 1_000;

/** A running edge, with the addresses that it really listens on. */
export interface RunningEdge extends RunningNode {
  readonly address: string;
  readonly adminAddress: string;
  /** By order of the listeners for cores. */
  readonly reverseAddresses: readonly string[];
}

export async function startEdge(config: EdgeConfig): Promise<RunningEdge> {
  const clock = SYSTEM_CLOCK;
  const log = createLogger({ node: "edge", level: config.log.level });
  const metrics = createMetrics({ node: "edge" });
  const newRequestId = requestIdSource();
  const { cores, reverse } = config.tunnel;
  const ways = [...cores.flatMap(({ addresses }) => addresses), ...(reverse?.listeners ?? [])];
  if (ways.some(({ transport }) => transport !== "quic")) warnOfTcpCongestion(log);

  const waitingRoom = new WaitingRoom({
    clock,
    waitTimeoutMs: config.tunnel.waitTimeoutMs,
    maxWaiting: config.tunnel.maxWaiting,
    open: (request, answer) => fleet.open(request, answer),
  });
  const watcher = new SessionWatcher({ log });
  const stalls = startStallWatch({ role: "edge", clock, log, metrics });
  const picked = new WeakMap<ExchangeContext, CoreLink>();
  const fleet = await createFleet(config, {
    newRequestId,
    log,
    watcher,
    stalls: stalls.watch,
    // Not within the call that ended a stream: those that wait must not run inside of it.
    onOpening: () => {
      if (waitingRoom.waitingCount > 0) queueMicrotask(() => waitingRoom.admit());
    },
    onPicked: ({ context }, link) => picked.set(context, link),
  });
  metrics.tunnel.setSource(() => watcher.read());

  const handler = edgePipeline({
    watcher: createExchangeWatcher({
      clock,
      log: config.log.access ? log : withoutAccessLines(log),
      metrics,
      placeOf: ({ context }) => placeIn(picked.get(context)),
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

  let reverseListener: RunningReverseListener | null = null;
  const admin = await startAdmin({
    address: formatAddress(config.admin.address),
    metrics,
    log,
    readiness: () => {
      const { ready, reasons } = fleet.readiness;
      return { ready, reasons: [...reasons, ...(reverseListener?.problems ?? [])] };
    },
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
  fleet.start();
  if (reverse !== null) {
    const linkTo = (coreName: string) => fleet.linkTo(coreName);
    reverseListener = await startReverseListener(reverse, { edgeName: config.name, clock, log, linkTo });
  }
  metrics.tunnelGate.setSource({
    ...fleet.gateSource,
    waitingRequests: () => waitingRoom.waitingCount,
    ...(reverseListener === null ? {} : gateSourceOf(reverseListener)),
  });
  return runningEdge({
    config,
    log,
    metrics,
    listener,
    admin,
    fleet,
    stalls,
    waitingRoom,
    reverseListener,
  });
}

function gateSourceOf(reverse: RunningReverseListener): TunnelGateSource {
  return {
    handshakes: reverse.readOutcomes,
    laneListeners: () =>
      reverse.listeners.map(({ transport, counters }) => ({ transport, outcomes: { ...counters } })),
  };
}

/** Where an exchange went; undefined: nowhere. */
function placeIn(link: CoreLink | undefined): ExchangePlace {
  return link === undefined
    ? { lane: null, route: null }
    : { lane: link.transport, core: link.name, route: null };
}

interface EdgeParts {
  readonly config: EdgeConfig;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly listener: Listener;
  readonly admin: Listener;
  readonly fleet: CoreFleet;
  readonly stalls: RunningStallWatch;
  readonly waitingRoom: WaitingRoom;
  /** Null: no core dials this edge. */
  readonly reverseListener: RunningReverseListener | null;
}

function runningEdge(parts: EdgeParts): RunningEdge {
  const { config, log, metrics, listener, admin, fleet, stalls, waitingRoom, reverseListener } = parts;
  const forced = new AbortController();
  return {
    address: listener.address,
    adminAddress: admin.address,
    reverseAddresses: reverseListener?.addresses ?? [],
    async drain() {
      log.info("draining", { graceMs: config.listener.drainGraceMs });
      waitingRoom.close();
      await reverseListener?.close();
      const { drainGraceMs } = config.listener;
      // What is left then is cut behind the clients' backs first, so that each is told that its answer is not whole.
      const keepTheRest = SYSTEM_CLOCK.after(drainGraceMs, () => void fleet.drain(AbortSignal.abort()));
      const { forcedConnections } = await listener.drain({ graceMs: drainGraceMs + TELLING_CLIENTS_MS });
      keepTheRest();
      // Every exchange has ended with its connection: nothing is left that the tunnel could wait for.
      await fleet.drain(AbortSignal.any([forced.signal, AbortSignal.timeout(1_000)]));
      stalls.close();
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
      try {
        await reverseListener?.reload();
      } catch (error) {
        log.error("reload_failed", { reason: describeError(error) });
      }
    },
  };
}
