/** Whether anything answers at an IP address and a port, before any key is shown. */
import type { Clock } from "../../shared/clock/clock.ts";
import type { Address } from "../../shared/config/address.ts";
import type { ReachFacts } from "./facts.ts";
import { echoUdp } from "./udp_echo.ts";

const TCP_TIMEOUT_MS = 4_000;
/** Enough that a loss of one in three hardly ever hides a port that is open. */
const UDP_PROBES = 12;
const UDP_INTERVAL_MS = 200;
const UDP_WAIT_MS = 1_500;

/** Connects over TCP and closes. Never rejects for what the network does. */
export async function reachTcp({ hostname: ip, port }: Address, clock: Clock): Promise<ReachFacts> {
  const startedAt = clock.now();
  const facts = { ip, protocol: "tcp" } as const;
  const signal = AbortSignal.timeout(TCP_TIMEOUT_MS);
  try {
    const connection = await Deno.connect({ hostname: ip, port, signal });
    connection.close();
    return { ...facts, kind: "answered", ms: clock.now() - startedAt };
  } catch (error) {
    if (signal.aborted || error instanceof Deno.errors.TimedOut) return { ...facts, kind: "silent" };
    if (error instanceof Deno.errors.ConnectionRefused) return { ...facts, kind: "refused" };
    return { ...facts, kind: "unreachable", reason: error instanceof Error ? error.message : String(error) };
  }
}

/** Asks over UDP for QUIC. Never rejects for what the network does. */
export async function reachUdp(to: Address, clock: Clock): Promise<ReachFacts> {
  const facts = { ip: to.hostname, protocol: "udp" } as const;
  const { firstMs, error } = await echoUdp({
    clock,
    to,
    count: UDP_PROBES,
    intervalMs: UDP_INTERVAL_MS,
    waitMs: UDP_WAIT_MS,
    isOneEnough: true,
  });
  if (firstMs !== null) return { ...facts, kind: "answered", ms: firstMs };
  return error === null ? { ...facts, kind: "silent" } : { ...facts, kind: "unreachable", reason: error };
}
