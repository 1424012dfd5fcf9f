/** What one HTTP/1.1 connection may cost; every bound is enforced while bytes arrive, before they are kept. */
export interface Http1Limits {
  /** Start line and fields with their line ends; above: `head_too_large` (431). */
  maxHeadBytes: number;
  /** Field lines of one head or trailer section. */
  maxFieldCount: number;
  /** The request target as sent. */
  maxTargetBytes: number;
  /** The trailer section with its line ends. */
  maxTrailerBytes: number;
  /** A chunk's size line with its extensions, without the line end. */
  maxChunkLineBytes: number;
  /** Absolute: for the first head from the start of the connection, for later ones from their first byte. */
  headTimeoutMs: number;
  /** Between two requests; also the longest pause within a request's body. */
  idleTimeoutMs: number;
  /** A request's body must arrive at this rate, averaged since its start, once `bodyGraceMs` are over. */
  minBodyBytesPerSecond: number;
  bodyGraceMs: number;
}

export const DEFAULT_HTTP1_LIMITS: Http1Limits = {
  maxHeadBytes: 64 * 1024,
  maxFieldCount: 100,
  maxTargetBytes: 16 * 1024,
  maxTrailerBytes: 8 * 1024,
  maxChunkLineBytes: 256,
  headTimeoutMs: 10_000,
  idleTimeoutMs: 75_000,
  minBodyBytesPerSecond: 120,
  bodyGraceMs: 10_000,
};
