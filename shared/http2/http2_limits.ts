/** What one HTTP/2 connection may cost us; every number bounds memory, work or time that a peer can ask for. */
export interface Http2Limits {
  /** Streams that the peer may have open at once; announced in SETTINGS, more are refused with REFUSED_STREAM. */
  readonly maxConcurrentStreams: number;
  /** Decoded size of one head or trailer section, counted as RFC 9113 §6.5.2 does, cookie crumbs included. */
  readonly maxHeadBytes: number;
  /** Field lines of one head beside pseudo-headers and the crumbs of a cookie, which count by their bytes only. */
  readonly maxFieldCount: number;
  /** Encoded size of one field block; a larger one ends the connection, since it cannot be skipped. */
  readonly maxBlockBytes: number;
  readonly maxContinuationFrames: number;
  /** Decoded size of the heads of all open streams together. */
  readonly maxOpenHeadBytes: number;
  /** Bytes of request bodies on one connection that may be received and not yet consumed, over all streams. */
  readonly connectionWindowBytes: number;
  /** Answers to control frames that may wait for a peer that does not read. */
  readonly maxPendingControlBytes: number;
  /** Streams that may be reset in a burst, by the peer or by us because of the peer (CVE-2023-44487, CVE-2025-8671). */
  readonly resetBurst: number;
  readonly resetsPerSecond: number;
  /** Work units of control frames in a burst; `flood_guard.ts` states the price of each kind. */
  readonly controlBurst: number;
  readonly controlPerSecond: number;
  /** For preface and first SETTINGS together, and for each field block from its first byte on. */
  readonly headTimeoutMs: number;
  /** A server's connection without streams says goodbye after this time. */
  readonly idleTimeoutMs: number;
  /** A request body arrives at least this fast, averaged, once `bodyGraceMs` are over and while no answer has begun. */
  readonly minBodyBytesPerSecond: number;
  readonly bodyGraceMs: number;
}

export const DEFAULT_HTTP2_LIMITS: Http2Limits = {
  maxConcurrentStreams: 128,
  maxHeadBytes: 64 * 1024,
  maxFieldCount: 100,
  maxBlockBytes: 128 * 1024,
  maxContinuationFrames: 32,
  maxOpenHeadBytes: 2 * 1024 * 1024,
  connectionWindowBytes: 4 * 1024 * 1024,
  maxPendingControlBytes: 64 * 1024,
  resetBurst: 1000,
  resetsPerSecond: 33,
  controlBurst: 2000,
  controlPerSecond: 200,
  headTimeoutMs: 10_000,
  idleTimeoutMs: 75_000,
  minBodyBytesPerSecond: 120,
  bodyGraceMs: 10_000,
};
