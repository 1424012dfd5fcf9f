import type { Clock } from "../clock/clock.ts";
import type { ByteConnection } from "../transport/byte_connection.ts";
import { CoreHandshake, type CoreHandshakeOptions, type CoreOutcome } from "./core_handshake.ts";
import { NONCE_BYTES } from "./handshake_message.ts";
import type { HandshakeTally, LaneRefusal } from "./handshake_tally.ts";
import { HANDSHAKE_TIMEOUT_MS, TUNNEL_VERSIONS } from "./perform_edge_handshake.ts";
import { lingerThenClose, runHandshake } from "./run_handshake.ts";

export interface PerformCoreHandshakeOptions
  extends Pick<CoreHandshakeOptions, "coreInstanceId" | "serverNames" | "keys" | "admit"> {
  /** One for all lanes of a core. */
  readonly tally: HandshakeTally;
  readonly clock: Clock;
  /** Wall clock, ms since 1970, for the validity of keys. */
  wallClock(): number;
  /** @default HANDSHAKE_TIMEOUT_MS */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

export type CoreHandshakeResult =
  | Extract<CoreOutcome, { kind: "accepted" }>
  | { readonly kind: "refused"; readonly reason: LaneRefusal };

/** Time for a REJECT to reach the edge before the lane is closed under it. */
const LINGER_MS = 1_000;

/**
 * Lets an edge prove itself on a fresh lane. After `accepted` the lane is the caller's and the next byte is the
 * session's (none can have come yet: an edge that sends before ACCEPT is refused); after `refused` the lane is
 * closed. Counts into `options.tally`. Never rejects for what the peer does.
 */
export async function performCoreHandshake(
  connection: ByteConnection,
  options: PerformCoreHandshakeOptions,
): Promise<CoreHandshakeResult> {
  const { tally } = options;
  if (!tally.enter()) {
    connection.close();
    return refused(tally, "overloaded");
  }
  try {
    const nonce = crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
    const { coreInstanceId, serverNames, keys, clock, signal } = options;
    const core = new CoreHandshake({
      nonce,
      coreInstanceId,
      serverNames,
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
    const outcome = await runHandshake<CoreOutcome>(connection, machine, { clock, timeoutMs, signal });
    if (typeof outcome === "string") return refused(tally, outcome);
    if (outcome.kind === "refused") {
      await lingerThenClose(connection, { clock, timeoutMs: LINGER_MS, signal });
      return refused(tally, outcome.reason);
    }
    tally.accepted++;
    return outcome;
  } finally {
    tally.leave();
  }
}

function refused(tally: HandshakeTally, reason: LaneRefusal): CoreHandshakeResult {
  tally.refused[reason]++;
  return { kind: "refused", reason };
}
