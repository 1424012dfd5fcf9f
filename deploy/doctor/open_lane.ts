/** Dials a lane and proves who this edge is, as the edge does; says what came of it. */
import type { Clock } from "../../shared/clock/clock.ts";
import {
  type EdgeHandshakeResult,
  performEdgeHandshake,
} from "../../shared/handshake/perform_edge_handshake.ts";
import type { PeerSigner } from "../../shared/handshake/peer_signer.ts";
import {
  type LaneConnection,
  LaneDialError,
  type LaneTransport,
} from "../../shared/transport/lane_connection.ts";
import { dialLane } from "../../shared/transport/lane_transport.ts";
import type { LaneFacts } from "./facts.ts";

const HANDSHAKE_TIMEOUT_MS = 4_000;

export interface OpenLaneOptions {
  readonly clock: Clock;
  readonly edgeName: string;
  readonly sign: PeerSigner;
  readonly transport: LaneTransport;
  /** `host:port`. */
  readonly address: string;
  readonly serverName: string;
  readonly caCertificates: readonly string[];
  readonly connectTimeoutMs: number;
}

/** A lane that the core has accepted for a session of its own; the caller's to close. */
export interface OpenedLane {
  readonly connection: LaneConnection;
  readonly accepted: Extract<EdgeHandshakeResult, { kind: "accepted" }>;
}

/** Never rejects for what the peer or the network does. */
export async function openLane(
  options: OpenLaneOptions,
): Promise<{ facts: LaneFacts; opened: OpenedLane | null }> {
  const { clock, edgeName, sign, serverName } = options;
  const startedAt = clock.now();
  let connection: LaneConnection;
  try {
    connection = await dialLane(options, clock);
  } catch (error) {
    if (!(error instanceof LaneDialError)) throw error;
    const { failure, message: reason } = error;
    return { facts: { kind: "not_connected", failure, reason }, opened: null };
  }
  const connectedAt = clock.now();
  const connectMs = connectedAt - startedAt;
  const result = await performEdgeHandshake(connection, {
    edgeName,
    serverName,
    sessionId: null,
    sign,
    clock,
    timeoutMs: HANDSHAKE_TIMEOUT_MS,
  });
  if (result.kind === "refused") {
    return { facts: { kind: "rejected", connectMs, reason: result.reason }, opened: null };
  }
  const handshakeMs = clock.now() - connectedAt;
  return {
    facts: { kind: "accepted", connectMs, handshakeMs },
    opened: { connection, accepted: result },
  };
}
