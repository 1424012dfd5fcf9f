import type { Clock } from "../clock/clock.ts";
import type { ByteConnection } from "../transport/byte_connection.ts";
import { CoreHandshake, type CoreHandshakeOptions, type CoreOutcome } from "./core_handshake.ts";
import { NONCE_BYTES } from "./handshake_message.ts";
import type { HandshakeTally } from "./handshake_tally.ts";
import { type RefusedLane, runCountedHandshake } from "./run_counted_handshake.ts";
import { HANDSHAKE_TIMEOUT_MS } from "./run_handshake.ts";
import { TUNNEL_VERSIONS } from "./tunnel_versions.ts";

export interface PerformCoreHandshakeOptions
  extends Pick<CoreHandshakeOptions, "coreInstanceId" | "serverNames" | "dialledEdge" | "keys" | "admit"> {
  /** One for all lanes of a core. */
  readonly tally: HandshakeTally;
  readonly clock: Clock;
  /** Wall clock, ms since 1970, for the validity of keys. */
  wallClock(): number;
  /** @default HANDSHAKE_TIMEOUT_MS */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

type AcceptedLane = Extract<CoreOutcome, { kind: "accepted" }>;
export type CoreHandshakeResult = AcceptedLane | RefusedLane;

/**
 * Lets an edge prove itself on a fresh lane. After `accepted` the lane is the caller's and the next byte is the
 * session's (none can have come yet: an edge that sends before ACCEPT is refused); after `refused` the lane is
 * closed. Counts into `options.tally`. Never rejects for what the peer does.
 */
export function performCoreHandshake(
  connection: ByteConnection,
  options: PerformCoreHandshakeOptions,
): Promise<CoreHandshakeResult> {
  const { coreInstanceId, serverNames, dialledEdge, keys, tally, clock, signal } = options;
  const core = new CoreHandshake({
    nonce: crypto.getRandomValues(new Uint8Array(NONCE_BYTES)),
    coreInstanceId,
    serverNames,
    dialledEdge,
    keys,
    versions: TUNNEL_VERSIONS,
    admit: (edge) => options.admit(edge),
  });
  const machine = {
    get outcome() {
      return core.outcome;
    },
    takeOutput: () => core.takeOutput(),
    receive: (bytes: Uint8Array) => core.receive(bytes, options.wallClock()),
  };
  const timeoutMs = options.timeoutMs ?? HANDSHAKE_TIMEOUT_MS;
  return runCountedHandshake<AcceptedLane>(connection, machine, { tally, clock, timeoutMs, signal });
}
