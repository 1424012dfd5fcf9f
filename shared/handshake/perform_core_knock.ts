import type { Clock } from "../clock/clock.ts";
import type { ByteConnection } from "../transport/byte_connection.ts";
import { CoreKnock, type CoreKnockOptions, type CoreKnockOutcome } from "./core_knock.ts";
import { NONCE_BYTES } from "./handshake_message.ts";
import { HANDSHAKE_TIMEOUT_MS, runHandshake, type TransportFailure } from "./run_handshake.ts";
import { TUNNEL_VERSIONS } from "./tunnel_versions.ts";

export interface PerformCoreKnockOptions
  extends Pick<CoreKnockOptions, "coreName" | "edgeName" | "serverName" | "sign"> {
  readonly clock: Clock;
  /** @default HANDSHAKE_TIMEOUT_MS */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

export type CoreKnockResult =
  | { readonly kind: "proved" }
  | {
    readonly kind: "refused";
    readonly reason: "version" | "turned_away" | "protocol" | TransportFailure;
  };

/**
 * Proves this core to the edge at the other end of a lane that it has dialled. After `proved` the edge's HELLO (or
 * REJECT) is due; after `refused` the lane is closed. Never rejects for what the peer does.
 */
export async function performCoreKnock(
  connection: ByteConnection,
  options: PerformCoreKnockOptions,
): Promise<CoreKnockResult> {
  const { coreName, edgeName, serverName, sign, clock, signal } = options;
  const nonce = crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
  const machine = new CoreKnock({
    coreName,
    edgeName,
    serverName,
    nonce,
    sign,
    versions: TUNNEL_VERSIONS,
  });
  const timeoutMs = options.timeoutMs ?? HANDSHAKE_TIMEOUT_MS;
  const outcome = await runHandshake<CoreKnockOutcome>(connection, machine, { clock, timeoutMs, signal });
  if (typeof outcome === "string") return { kind: "refused", reason: outcome };
  if (outcome.kind === "refused") connection.close();
  return outcome;
}
