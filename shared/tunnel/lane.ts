/** One transport connection of a session, as its driver sees it: a reliable, ordered byte pipe in each direction. */
export interface Lane {
  /**
   * Takes bytes from the peer; then drain `session.nextEvent()`. `bytes` stay untouched until it returned null, since
   * events borrow from them. Ignored once the lane is dead or the session has ended.
   */
  receive(bytes: Uint8Array, now: number): void;
  /**
   * The next chunk to write, at most 64 KiB, or null. The chunk stays untouched until {@linkcode outputWritten}, which
   * must come before the next call. A null means that {@linkcode onOutput} will be called before there is more.
   */
  takeOutput(now: number): Uint8Array | null;
  /** The chunk was written, or never will be: its memory is wiped and reused. */
  outputWritten(chunk: Uint8Array): void;
  /** The connection ended in any way; what the peer has not acknowledged goes out on another lane. Idempotent. */
  closed(now: number): void;
  /** Called when output goes from none to some (never during `takeOutput`); must not call back into the session. */
  onOutput: (() => void) | null;
  /**
   * The next datagram to send, at most `maxBytes`, the caller's to keep and to wipe; null when none is due. Datagrams are copies:
   * what becomes of them changes nothing but times. A null means that {@linkcode onDatagram} will be called before there is more.
   */
  takeDatagram(now: number, maxBytes: number): Uint8Array | null;
  /** As {@linkcode receive}, for a datagram of the same connection. */
  receiveDatagram(bytes: Uint8Array, now: number): void;
  /** Called when a datagram becomes due; must not call back into the session. */
  onDatagram: (() => void) | null;
  /** Bytes that `takeOutput` would give, as far as they are known. */
  readonly pendingOutputBytes: number;
  /** Smoothed round trip measured by PING, in ms; null before the first. */
  readonly roundTripMs: number | null;
  /** When the last byte came, in the caller's ms. */
  readonly lastReceivedAt: number;
  /** What of the session it sends now. */
  readonly carries: "nothing" | "tokens" | "bulk" | "both";
  /** Share of the datagrams sent here that did not arrive, 0 to 1, over the last thousand or so; null: not measured. */
  readonly lossShare: number | null;
  /** Times that it gave way for silence. */
  readonly stalls: number;
  /** True from then until it brings something. */
  readonly isStalled: boolean;
  /** `dead`: closed, timed out, or the session ended; nothing more comes from it but what `takeOutput` still gives. */
  readonly state: "live" | "dead";
}
