/** The limits of the HTTP codecs as options; their defaults are the codecs' own. */
import { DEFAULT_HTTP1_LIMITS } from "../http1/http1_limits.ts";
import { DEFAULT_HTTP2_LIMITS } from "../http2/http2_limits.ts";
import { duration, integer, section } from "./option.ts";

const MEBIBYTE = 1024 * 1024;

interface BodyRate {
  minBodyBytesPerSecond: number;
  bodyGraceMs: number;
}

function bodyRateOptions(defaults: BodyRate) {
  return {
    min_body_bytes_per_second: integer({
      doc:
        "A request's body must arrive at this rate, averaged since its start, once body_grace_ms are over.",
      unit: "bytes/s",
      min: 1,
      max: MEBIBYTE,
      default: defaults.minBodyBytesPerSecond,
    }),
    body_grace_ms: duration({
      doc: "How long a request's body may be slower than min_body_bytes_per_second.",
      min: 100,
      max: 600_000,
      default: defaults.bodyGraceMs,
    }),
  };
}

export const HTTP1_SECTION = section("What one client connection over HTTP/1.1 may cost.", {
  max_head_bytes: integer({
    doc: "Start line and header fields of a request; above, the answer is 431.",
    unit: "bytes",
    min: 1024,
    max: MEBIBYTE,
    default: DEFAULT_HTTP1_LIMITS.maxHeadBytes,
  }),
  max_field_count: integer({
    doc: "Header fields of a request, or fields of its trailer section.",
    min: 8,
    max: 1000,
    default: DEFAULT_HTTP1_LIMITS.maxFieldCount,
  }),
  max_target_bytes: integer({
    doc: "The request target (path and query) as sent.",
    unit: "bytes",
    min: 256,
    max: MEBIBYTE,
    default: DEFAULT_HTTP1_LIMITS.maxTargetBytes,
  }),
  max_trailer_bytes: integer({
    doc: "The trailer section of a request.",
    unit: "bytes",
    min: 256,
    max: MEBIBYTE,
    default: DEFAULT_HTTP1_LIMITS.maxTrailerBytes,
  }),
  max_chunk_line_bytes: integer({
    doc: "The line before a chunk of a request's body, extensions included.",
    unit: "bytes",
    min: 32,
    max: 16_384,
    default: DEFAULT_HTTP1_LIMITS.maxChunkLineBytes,
  }),
  head_timeout_ms: duration({
    doc:
      "How long a request's head may take: the first from the start of the connection, later ones from their first byte.",
    min: 100,
    max: 600_000,
    default: DEFAULT_HTTP1_LIMITS.headTimeoutMs,
  }),
  idle_timeout_ms: duration({
    doc: "How long a connection may rest between two requests, or a request's body may pause.",
    min: 1000,
    max: 3_600_000,
    default: DEFAULT_HTTP1_LIMITS.idleTimeoutMs,
  }),
  ...bodyRateOptions(DEFAULT_HTTP1_LIMITS),
});

export const HTTP2_SECTION = section("What one client connection over HTTP/2 may cost.", {
  max_concurrent_streams: integer({
    doc:
      "Requests that a client may have open at once on one connection; more are refused with REFUSED_STREAM.",
    unit: "streams",
    min: 1,
    max: 10_000,
    default: DEFAULT_HTTP2_LIMITS.maxConcurrentStreams,
  }),
  max_head_bytes: integer({
    doc: "Decoded size of a request's header fields or trailer section, counted as RFC 9113 §6.5.2 does.",
    unit: "bytes",
    min: 1024,
    max: MEBIBYTE,
    default: DEFAULT_HTTP2_LIMITS.maxHeadBytes,
  }),
  max_field_count: integer({
    doc: "Header fields of a request; the crumbs of a cookie count as one.",
    min: 8,
    max: 1000,
    default: DEFAULT_HTTP2_LIMITS.maxFieldCount,
  }),
  max_block_bytes: integer({
    doc: "Encoded size of one field block; a larger one ends the connection.",
    unit: "bytes",
    min: 1024,
    max: 4 * MEBIBYTE,
    default: DEFAULT_HTTP2_LIMITS.maxBlockBytes,
  }),
  max_continuation_frames: integer({
    doc: "CONTINUATION frames of one field block; one more ends the connection.",
    min: 1,
    max: 1000,
    default: DEFAULT_HTTP2_LIMITS.maxContinuationFrames,
  }),
  max_open_head_bytes: integer({
    doc: "Decoded size of the header fields of all open requests of a connection together.",
    unit: "bytes",
    min: 16_384,
    max: 256 * MEBIBYTE,
    default: DEFAULT_HTTP2_LIMITS.maxOpenHeadBytes,
  }),
  connection_window_bytes: integer({
    doc: "Bytes of request bodies of one connection that were received and not yet passed on.",
    unit: "bytes",
    min: 65_535,
    max: 1024 * MEBIBYTE,
    default: DEFAULT_HTTP2_LIMITS.connectionWindowBytes,
  }),
  max_pending_control_bytes: integer({
    doc: "Answers to control frames that may wait for a client that does not read.",
    unit: "bytes",
    min: 4096,
    max: 16 * MEBIBYTE,
    default: DEFAULT_HTTP2_LIMITS.maxPendingControlBytes,
  }),
  reset_burst: integer({
    doc: "Streams that a client may reset at once after a rest (CVE-2023-44487); above, the connection ends.",
    unit: "streams",
    min: 1,
    max: 100_000,
    default: DEFAULT_HTTP2_LIMITS.resetBurst,
  }),
  resets_per_second: integer({
    doc: "Streams that a client may reset each second in the long run.",
    min: 1,
    max: 10_000,
    default: DEFAULT_HTTP2_LIMITS.resetsPerSecond,
  }),
  control_burst: integer({
    doc:
      "Control frames (SETTINGS, PING, empty frames) that a client may send at once after a rest, in units of work.",
    min: 100,
    max: 1_000_000,
    default: DEFAULT_HTTP2_LIMITS.controlBurst,
  }),
  control_per_second: integer({
    doc: "Units of work of control frames that a client may cause each second in the long run.",
    min: 10,
    max: 100_000,
    default: DEFAULT_HTTP2_LIMITS.controlPerSecond,
  }),
  head_timeout_ms: duration({
    doc: "How long the connection preface with its SETTINGS, and each field block, may take.",
    min: 100,
    max: 600_000,
    default: DEFAULT_HTTP2_LIMITS.headTimeoutMs,
  }),
  idle_timeout_ms: duration({
    doc: "A connection without open requests is closed after this time.",
    min: 1000,
    max: 3_600_000,
    default: DEFAULT_HTTP2_LIMITS.idleTimeoutMs,
  }),
  ...bodyRateOptions(DEFAULT_HTTP2_LIMITS),
});
