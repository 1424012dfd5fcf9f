/** Gathers all facts about an edge, every address at the same time: no step waits for another address. */
import type { Clock } from "../../shared/clock/clock.ts";
import type { EdgeConfig } from "../../shared/config/edge_schema.ts";
import { peerSigner } from "../../shared/handshake/peer_signer.ts";
import { examineAddress, type ExamineAddressOptions } from "./examine_address.ts";
import { examineMachine } from "./examine_machine.ts";
import type { CoreFacts, EdgeFacts } from "./facts.ts";
import { tryListener } from "./try_listener.ts";

/** Of one address, and of all together. */
const EXCHANGES_PER_SECOND = 50;
const MAX_EXCHANGES_PER_SECOND = 800;
const PACKETS_PER_SECOND = 100;
const MAX_PACKETS_PER_SECOND = 1_600;
/** The edge's own time-out may be longer than a person waits. */
const MAX_CONNECT_TIMEOUT_MS = 5_000;

export interface ExamineEdgeOptions {
  readonly clock: Clock;
  /** How long each path is measured. */
  readonly seconds: number;
}

type Shared = Omit<ExamineAddressOptions, "serverName" | "address" | "transport">;
type CoreConfig = EdgeConfig["tunnel"]["cores"][number];

/** @throws what reading the key and certificate files throws; never for what cores and the network do */
export async function examineEdge(
  config: EdgeConfig,
  { clock, seconds }: ExamineEdgeOptions,
): Promise<EdgeFacts> {
  const { tunnel } = config;
  const addressCount = tunnel.cores.reduce((count, core) => count + core.addresses.length, 0);
  const share = (all: number) => all / Math.max(1, addressCount);
  const shared: Shared = {
    clock,
    seconds,
    exchangesPerSecond: Math.min(EXCHANGES_PER_SECOND, share(MAX_EXCHANGES_PER_SECOND)),
    packetsPerSecond: Math.min(PACKETS_PER_SECOND, share(MAX_PACKETS_PER_SECOND)),
    redundancyMode: tunnel.redundancy.mode,
    edgeName: config.name,
    sign: peerSigner(await Deno.readTextFile(tunnel.edgeKeyFile)),
    caCertificates: [await Deno.readTextFile(tunnel.caFile)],
    connectTimeoutMs: Math.min(tunnel.connectTimeoutMs, MAX_CONNECT_TIMEOUT_MS),
  };
  const startedAt = Date.now();
  return {
    edge: config.name,
    edgeKeyFile: tunnel.edgeKeyFile,
    startedAt,
    redundancyMode: tunnel.redundancy.mode,
    maxConnections: config.listener.maxConnections,
    machine: examineMachine(),
    listeners: tunnel.reverse?.listeners.map((listener) => tryListener(listener)) ?? [],
    cores: await Promise.all(tunnel.cores.map((core) => examineCore(core, shared))),
  };
}

async function examineCore({ name, serverName, addresses }: CoreConfig, shared: Shared): Promise<CoreFacts> {
  return {
    name,
    serverName,
    addresses: await Promise.all(
      addresses.map(({ address, transport }) =>
        examineAddress({ ...shared, serverName, address, transport })
      ),
    ),
  };
}
