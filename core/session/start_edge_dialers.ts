import type { Clock } from "../../shared/clock/clock.ts";
import { formatAddress } from "../../shared/config/address.ts";
import type { CoreConfig } from "../../shared/config/core_schema.ts";
import { peerSigner } from "../../shared/handshake/peer_signer.ts";
import type { Logger } from "../../shared/observe/logger.ts";
import type { DialReading } from "../../shared/observe/tunnel_gate_metrics.ts";
import { dialLane } from "../../shared/transport/lane_transport.ts";
import { DialPlan } from "./dial_plan.ts";
import { EdgeDialer } from "./edge_dialer.ts";
import type { TunnelServer } from "./tunnel_server.ts";

export interface EdgeDialersOptions {
  readonly coreName: string;
  readonly server: TunnelServer;
  readonly clock: Clock;
  readonly log: Logger;
}

/** The dialers of a core; {@linkcode EdgeDialers.stop} ends them. */
export interface EdgeDialers {
  /** From now on lanes are only for sessions that have none. */
  drain(): void;
  /** Resolves when no dial is under way. */
  stop(): Promise<void>;
  /** Dials by how they ended, since the start. */
  readDials(): readonly DialReading[];
}

type DialConfig = NonNullable<CoreConfig["tunnel"]["dial"]>;

/** Begins to dial every edge of the configuration. */
export async function startEdgeDialers(
  config: DialConfig,
  { coreName, server, clock, log }: EdgeDialersOptions,
): Promise<EdgeDialers> {
  const sign = peerSigner(await Deno.readTextFile(config.coreKeyFile));
  const caCertificates = [await Deno.readTextFile(config.caFile)];
  const { lanes, connectTimeoutMs, reconnectInitialMs: initialMs, reconnectMaxMs: maxMs } = config;
  const dialers = config.edges.map(({ name, serverName, addresses }) => {
    const ways = addresses.map(({ address, transport }) => ({ address: formatAddress(address), transport }));
    return new EdgeDialer({
      coreName,
      edgeName: name,
      serverName,
      sign,
      plan: new DialPlan({ ways, lanes, backoff: { initialMs, maxMs, random: Math.random } }),
      connectTimeoutMs,
      clock,
      log,
      server,
      dial: (way, { timeoutMs, signal }) =>
        dialLane({ ...way, serverName, caCertificates, connectTimeoutMs: timeoutMs, signal }),
    });
  });
  const running = Promise.all(dialers.map((dialer) => dialer.run()));
  return {
    drain() {
      for (const dialer of dialers) dialer.drain();
    },
    async stop() {
      for (const dialer of dialers) dialer.stop();
      await running;
    },
    readDials: () => dialers.flatMap((dialer) => dialer.readDials()),
  };
}
