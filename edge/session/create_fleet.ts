/** Builds the links to all cores of an edge from its configuration. */
import { SYSTEM_CLOCK } from "../../shared/clock/clock.ts";
import { formatAddress } from "../../shared/config/address.ts";
import type { EdgeConfig } from "../../shared/config/edge_schema.ts";
import { dialledByName } from "../../shared/handshake/handshake_names.ts";
import { peerSigner } from "../../shared/handshake/peer_signer.ts";
import type { Logger } from "../../shared/observe/logger.ts";
import type { StallWatch } from "../../shared/observe/stall_watch.ts";
import type { SessionWatcher } from "../../shared/session/session_watcher.ts";
import { dialLane } from "../../shared/transport/lane_transport.ts";
import { DEFAULT_SESSION_LIMITS } from "../../shared/tunnel/session_limits.ts";
import { CoreFleet, type CoreFleetOptions, type FleetCoreOptions } from "./core_fleet.ts";
import { CoreLink } from "./core_link.ts";

const PROBE_INTERVAL_MS = 2_000;
/** QUIC doubles its waits for an answer: a longer dial would not find out soon that UDP gets through again. */
const MAX_QUIC_CONNECT_MS = 10_000;

export interface CreateFleetOptions
  extends Pick<CoreFleetOptions, "newRequestId" | "onOpening" | "onPicked"> {
  readonly log: Logger;
  readonly watcher: SessionWatcher;
  readonly stalls: StallWatch;
}

/** Reads the key and the authorities that the configuration names; dials nothing yet. */
export async function createFleet(config: EdgeConfig, options: CreateFleetOptions): Promise<CoreFleet> {
  const { newRequestId, onOpening, onPicked, log, watcher, stalls } = options;
  const { tunnel } = config;
  const caCertificates = [await Deno.readTextFile(tunnel.caFile)];
  const common = {
    log,
    watcher,
    stalls,
    edgeName: config.name,
    lanes: tunnel.lanes,
    backoff: { initialMs: tunnel.reconnectInitialMs, maxMs: tunnel.reconnectMaxMs },
    sign: peerSigner(await Deno.readTextFile(tunnel.edgeKeyFile)),
    limits: { ...DEFAULT_SESSION_LIMITS, maxStreams: tunnel.maxStreams },
    redundancy: tunnel.redundancy,
    clock: SYSTEM_CLOCK,
    random: Math.random,
  };
  const dialled = tunnel.cores.map(({ name, serverName, weight, addresses }): FleetCoreOptions => ({
    weight,
    newLink: (events) =>
      new CoreLink({
        ...common,
        ...events,
        name,
        serverName,
        ways: {
          routes: addresses.map(({ address, transport }) => ({ address: formatAddress(address), transport })),
          dial: ({ address, transport }, signal) =>
            dialLane({
              transport,
              address,
              serverName,
              caCertificates,
              connectTimeoutMs: transport === "quic"
                ? Math.min(tunnel.connectTimeoutMs, MAX_QUIC_CONNECT_MS)
                : tunnel.connectTimeoutMs,
              signal,
            }),
        },
      }),
  }));
  const dialling = (tunnel.reverse?.cores ?? []).map(({ name, weight }): FleetCoreOptions => ({
    weight,
    newLink: (events) =>
      new CoreLink({ ...common, ...events, name, serverName: dialledByName(name), ways: null }),
  }));
  return new CoreFleet({
    cores: [...dialled, ...dialling],
    clock: SYSTEM_CLOCK,
    probeIntervalMs: PROBE_INTERVAL_MS,
    newRequestId,
    onOpening,
    onPicked,
  });
}
