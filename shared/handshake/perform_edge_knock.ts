import type { Clock } from "../clock/clock.ts";
import type { ByteConnection } from "../transport/byte_connection.ts";
import { EdgeKnock, type EdgeKnockOptions, type EdgeKnockOutcome } from "./edge_knock.ts";
import { NONCE_BYTES } from "./handshake_message.ts";
import type { HandshakeTally } from "./handshake_tally.ts";
import { type RefusedLane, runCountedHandshake } from "./run_counted_handshake.ts";
import { HANDSHAKE_TIMEOUT_MS } from "./run_handshake.ts";
import { TUNNEL_VERSIONS } from "./tunnel_versions.ts";

export interface PerformEdgeKnockOptions extends Pick<EdgeKnockOptions, "edgeName" | "serverNames" | "keys"> {
  /** One for all lanes that cores dial. */
  readonly tally: HandshakeTally;
  readonly clock: Clock;
  /** Wall clock, ms since 1970, for the validity of keys. */
  wallClock(): number;
  /** @default HANDSHAKE_TIMEOUT_MS */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

type ProvedCore = Extract<EdgeKnockOutcome, { kind: "proved" }>;
export type EdgeKnockResult = ProvedCore | RefusedLane;

/**
 * Lets a core that dialled this edge prove itself on a fresh lane. After `proved` this edge's HELLO is due (nothing of
 * the core's can have come yet); after `refused` the lane is closed. Counts into `options.tally`. Never rejects for what
 * the peer does.
 */
export function performEdgeKnock(
  connection: ByteConnection,
  options: PerformEdgeKnockOptions,
): Promise<EdgeKnockResult> {
  const { edgeName, serverNames, keys, tally, clock, signal } = options;
  const nonce = crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
  const edge = new EdgeKnock({ edgeName, serverNames, keys, nonce, versions: TUNNEL_VERSIONS });
  const machine = {
    get outcome() {
      return edge.outcome;
    },
    takeOutput: () => edge.takeOutput(),
    receive: (bytes: Uint8Array) => edge.receive(bytes, options.wallClock()),
  };
  const timeoutMs = options.timeoutMs ?? HANDSHAKE_TIMEOUT_MS;
  return runCountedHandshake<ProvedCore>(connection, machine, { tally, clock, timeoutMs, signal });
}
