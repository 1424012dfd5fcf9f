/**
 * One exchange inside a session, as its user sees it.
 *
 * Sending order: an edge's stream begins with its head; a core sends informational heads, then one head. Then data,
 * then one end. Bytes given to any send are copied before it returns. Sends on a stream that was cut are ignored, so that
 * a user need not know of a reset before its event arrives; sends out of order are assertions.
 */
export interface SessionStream<T> {
  /** The user's own object; on a core it is set by the user when the `open` event comes, and not readable before. */
  owner: T;
  readonly id: number;
  /** Core only, before the head; opaque, at most 128 KiB. */
  sendInformational(head: Uint8Array): void;
  /**
   * Core only, once; opaque, at most 128 KiB. (An edge's head goes with `openStream`.) `isBulk`: a large body is to follow at
   * once, so that all of the stream may keep out of the way of tokens.
   */
  sendHead(head: Uint8Array, isBulk?: boolean): void;
  /**
   * Returns how many of the bytes are on their way (frames of the session already); the others are held, and `sent` events
   * tell when they move. A user may have 256 KiB held: more is an assertion.
   */
  sendData(bytes: Uint8Array): number;
  /** Completes this direction; trailers are opaque, may be empty, at most 128 KiB. */
  sendEnd(trailers: Uint8Array): void;
  /** Cuts both directions now, dropping what is held; `code` is 1 to 2^32 - 1. No more events come. No-op when done. */
  reset(code: number): void;
  /** `bytes` of `data` events have left the user's memory; a user that never calls it stops the peer at one window. */
  consumed(bytes: number): void;
  /** Data bytes held by the session because credit or room on the lane lack. */
  readonly heldBytes: number;
  /** True once both directions ended, or the stream was cut by either side. */
  readonly isClosed: boolean;
}
