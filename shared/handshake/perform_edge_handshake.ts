import type { Clock } from "../clock/clock.ts";
import type { ByteConnection } from "../transport/byte_connection.ts";
import { EdgeHandshake, type EdgeOutcome, type EdgeRefusal } from "./edge_handshake.ts";
import { NONCE_BYTES } from "./handshake_message.ts";
import type { PeerSigner } from "./peer_signer.ts";
import { HANDSHAKE_TIMEOUT_MS, runHandshake, type TransportFailure } from "./run_handshake.ts";
import { TUNNEL_VERSIONS } from "./tunnel_versions.ts";

export interface PerformEdgeHandshakeOptions {
  readonly edgeName: string;
  /** The name that the lane's certificate was verified against; on a lane that the core dialled, `dialledByName`. */
  readonly serverName: string;
  /** The session that the lane is to join or resume; null: a new one. */
  readonly sessionId: Uint8Array | null;
  readonly sign: PeerSigner;
  readonly clock: Clock;
  /** @default HANDSHAKE_TIMEOUT_MS */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

export type EdgeHandshakeResult =
  | Extract<EdgeOutcome, { kind: "accepted" }>
  | { readonly kind: "refused"; readonly reason: EdgeRefusal | TransportFailure };

/**
 * Proves this edge to the core on a fresh lane. After `accepted` the lane is the caller's, and `leftover` holds the
 * session's first bytes; after `refused` the lane is closed. Never rejects for what the peer does.
 */
export async function performEdgeHandshake(
  connection: ByteConnection,
  options: PerformEdgeHandshakeOptions,
): Promise<EdgeHandshakeResult> {
  const { edgeName, serverName, sessionId, sign, clock, signal } = options;
  const nonce = crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
  const machine = new EdgeHandshake({
    edgeName,
    serverName,
    sessionId,
    sign,
    nonce,
    versions: TUNNEL_VERSIONS,
  });
  const timeoutMs = options.timeoutMs ?? HANDSHAKE_TIMEOUT_MS;
  const outcome = await runHandshake<EdgeOutcome>(connection, machine, { clock, timeoutMs, signal });
  if (typeof outcome === "string") return { kind: "refused", reason: outcome };
  if (outcome.kind === "refused") connection.close();
  return outcome;
}
