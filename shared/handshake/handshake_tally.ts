import type { RefusalReason } from "./core_handshake.ts";
import type { KnockRefusal } from "./edge_knock.ts";
import type { TransportFailure } from "./run_handshake.ts";

/**
 * How a handshake with a peer that came to us ended without a lane: a {@linkcode RefusalReason} on a core, a
 * {@linkcode KnockRefusal} on an edge, or on both `timeout`, `left` (the peer closed or its transport failed), `stopped`
 * (by our own signal), `overloaded` (too many under way).
 */
export type LaneRefusal = RefusalReason | KnockRefusal | TransportFailure | "overloaded";

/** Counts the handshakes that one node was asked for and bounds how many are under way. */
export class HandshakeTally {
  readonly refused: Record<LaneRefusal, number> = {
    malformed: 0,
    oversized: 0,
    version: 0,
    server_name: 0,
    edge_name: 0,
    unknown_edge: 0,
    unknown_core: 0,
    other_edge: 0,
    turned_away: 0,
    wrong_key: 0,
    disabled: 0,
    not_yet_valid: 0,
    expired: 0,
    unavailable: 0,
    timeout: 0,
    left: 0,
    stopped: 0,
    overloaded: 0,
  };
  accepted = 0;
  readonly #maxPending: number;
  #pending = 0;

  /**
   * `maxPending`: handshakes under way at once. Kept above what listeners admit in one time-out, so that silent
   * peers cannot use it up.
   * @default 1024
   */
  constructor(maxPending = 1024) {
    this.#maxPending = maxPending;
  }

  get pending(): number {
    return this.#pending;
  }

  /** False: no room; otherwise {@linkcode leave} must follow. */
  enter(): boolean {
    if (this.#pending >= this.#maxPending) return false;
    this.#pending++;
    return true;
  }

  leave(): void {
    this.#pending--;
  }
}
