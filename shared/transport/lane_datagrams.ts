/** Unreliable messages beside a lane's byte pipe: each comes once, late, out of order, or never. */
export interface LaneDatagrams {
  /** Bytes of the largest one that may go now; grows when the path takes more. */
  readonly maxBytes: number;
  /**
   * Resolves when the datagram is handed over; the caller's `bytes` are free then. One that is larger than the path
   * takes at the moment is dropped. Rejects when the lane is gone.
   */
  send(bytes: Uint8Array): Promise<void>;
  /** The next one, the caller's own; one call at a time. Rejects when the lane is gone. */
  receive(): Promise<Uint8Array>;
}
