/** Lanes by every transport: {@linkcode dialLane} at one end, {@linkcode listenLanes} at the other. */
import { lookup } from "node:dns/promises";
import { type Clock, SYSTEM_CLOCK } from "../clock/clock.ts";
import { parseAddress } from "../config/address.ts";
import type { DialAttempt } from "./dial_attempt.ts";
import { dialQuicLane } from "./dial_quic_lane.ts";
import { dialTlsLane } from "./dial_tls_lane.ts";
import { dialWebSocketLane } from "./dial_websocket_lane.ts";
import {
  DEFAULT_LANE_LISTENER_LIMITS,
  type DialLaneOptions,
  type LaneConnection,
  LaneDialError,
  type LaneListener,
  type LaneTransport,
  type ListenLanesOptions,
} from "./lane_connection.ts";
import type { ListenEndpoint } from "./listen_endpoint.ts";
import { QuicLaneListener } from "./quic_lane_listener.ts";
import { listenTlsLanes } from "./tls_lane_listener.ts";
import { listenWebSocketLanes } from "./websocket_lane_listener.ts";

interface Transport {
  dial(ip: string, port: number, options: DialLaneOptions): DialAttempt;
  listen(endpoint: ListenEndpoint): LaneListener;
}

const TRANSPORTS: Readonly<Record<LaneTransport, Transport>> = {
  quic: { dial: dialQuicLane, listen: (endpoint) => new QuicLaneListener(endpoint) },
  tls: { dial: dialTlsLane, listen: listenTlsLanes },
  websocket: { dial: dialWebSocketLane, listen: listenWebSocketLanes },
};

/** Addresses of a name that are tried. */
const MAX_ADDRESSES = 4;

/**
 * Connects one lane, transport handshake included; the peer is not yet told who dials (see `shared/handshake`). Each
 * address of the name gets an equal share of the time that is left.
 * @throws {LaneDialError}
 */
export async function dialLane(
  options: DialLaneOptions,
  clock: Clock = SYSTEM_CLOCK,
): Promise<LaneConnection> {
  const address = parseAddress(options.address, { minPort: 1 });
  if ("wrong" in address) throw new LaneDialError("name", `"${options.address}" ${address.wrong}`);
  const deadline = clock.now() + options.connectTimeoutMs;
  const resolving = lookup(address.hostname, { all: true });
  const resolved = await within(resolving, { ms: options.connectTimeoutMs, clock, signal: options.signal })
    .catch((error) => {
      throw error instanceof LaneDialError ? error : new LaneDialError("name", "name not resolved", error);
    });
  const ips = resolved.slice(0, MAX_ADDRESSES).map((entry) => entry.address);
  const failures: LaneDialError[] = [];
  for (const [index, ip] of ips.entries()) {
    const ms = (deadline - clock.now()) / (ips.length - index);
    try {
      return await dialAddress(ip, address.port, { options, ms, clock });
    } catch (error) {
      if (!(error instanceof LaneDialError) || error.failure === "aborted") throw error;
      failures.push(error);
    }
  }
  const [first] = failures;
  if (first === undefined) throw new LaneDialError("name", "the name has no address");
  throw failures.length === 1
    ? first
    : new LaneDialError(first.failure, first.message, new AggregateError(failures));
}

/** Starts to listen; throws what the runtime throws if the address cannot be taken or the certificate is not one. */
export function listenLanes(options: ListenLanesOptions, clock: Clock = SYSTEM_CLOCK): LaneListener {
  const address = parseAddress(options.address, { minPort: 0 });
  if ("wrong" in address) throw new TypeError(`"${options.address}" ${address.wrong}`);
  return TRANSPORTS[options.transport].listen({
    address,
    certificate: options.certificate,
    limits: { ...DEFAULT_LANE_LISTENER_LIMITS, ...options.limits },
    clock,
  });
}

async function dialAddress(
  ip: string,
  port: number,
  { options, ms, clock }: { options: DialLaneOptions; ms: number; clock: Clock },
): Promise<LaneConnection> {
  const attempt = TRANSPORTS[options.transport].dial(ip, port, options);
  try {
    return await within(attempt.ready, { ms, clock, signal: options.signal });
  } catch (error) {
    if (error instanceof LaneDialError) {
      attempt.ready.catch(ignoreAbandoned);
      attempt.abandon();
      throw error;
    }
    throw new LaneDialError(failureOf(error), error instanceof Error ? error.message : String(error), error);
  }
}

/** Rejects with a {@linkcode LaneDialError} when the time is over or the signal aborts before `work` settles. */
async function within<T>(
  work: Promise<T>,
  { ms, clock, signal }: { ms: number; clock: Clock; signal: AbortSignal | undefined },
): Promise<T> {
  let stop = (_error: LaneDialError) => {};
  const stopped = new Promise<never>((_, reject) => stop = reject);
  const onAbort = () => stop(new LaneDialError("aborted", "the dial was aborted"));
  const cancelTimeout = clock.after(
    Math.max(0, ms),
    () => stop(new LaneDialError("timeout", "no lane in time")),
  );
  signal?.addEventListener("abort", onAbort);
  if (signal?.aborted) onAbort();
  try {
    return await Promise.race([stopped, work]);
  } finally {
    cancelTimeout();
    signal?.removeEventListener("abort", onAbort);
    work.catch(ignoreAbandoned);
  }
}

/** Deno has no error classes for these: the TLS library's text tells. */
function failureOf(error: unknown): "certificate" | "timeout" | "unreachable" {
  const message = error instanceof Error ? error.message : "";
  if (/certificate/i.test(message)) return "certificate";
  if (/timed out/i.test(message)) return "timeout";
  return "unreachable";
}

/** The caller has been told already why there is no lane. */
function ignoreAbandoned(): void {}
