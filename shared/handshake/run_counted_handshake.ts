import type { ByteConnection } from "../transport/byte_connection.ts";
import type { HandshakeTally, LaneRefusal } from "./handshake_tally.ts";
import { type HandshakeMachine, lingerThenClose, runHandshake, type RunOptions } from "./run_handshake.ts";

export interface RefusedLane {
  readonly kind: "refused";
  readonly reason: LaneRefusal;
  /** The edge whose proof held all the same; null: nobody knows who it was. */
  readonly edgeName: string | null;
}

/**
 * Runs the half of a peer that was asked for a lane, counted and bounded by `tally`. Closes the connection unless the
 * outcome is another than `refused`. Never rejects for what the peer does.
 */
export async function runCountedHandshake<O extends { readonly kind: string }>(
  connection: ByteConnection,
  machine: HandshakeMachine<O | RefusedLane>,
  options: RunOptions & { readonly tally: HandshakeTally },
): Promise<O | RefusedLane> {
  const { tally } = options;
  const refuse = (refused: RefusedLane) => {
    tally.refused[refused.reason]++;
    return refused;
  };
  if (!tally.enter()) {
    connection.close();
    return refuse({ kind: "refused", reason: "overloaded", edgeName: null });
  }
  try {
    const outcome = await runHandshake<O | RefusedLane>(connection, machine, options);
    if (typeof outcome === "string") return refuse({ kind: "refused", reason: outcome, edgeName: null });
    if (isRefused(outcome)) {
      // Only who has said the last word waits for it to arrive.
      if (outcome.reason === "turned_away") connection.close();
      else await lingerThenClose(connection, options);
      return refuse(outcome);
    }
    tally.accepted++;
    return outcome;
  } finally {
    tally.leave();
  }
}

function isRefused(outcome: { readonly kind: string }): outcome is RefusedLane {
  return outcome.kind === "refused";
}
