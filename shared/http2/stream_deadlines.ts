/** Streams that cost us memory and do not move: looked at about once a second. */
import type { Http2Limits } from "./http2_limits.ts";
import type { Http2Stream } from "./http2_stream.ts";

/** A stalled stream moves again when this many bytes left, or all: one byte now and then does not count. */
const PROGRESS_BYTES = 1024;

/**
 * True if the body arrives slower than the limit. Once an answer has begun the two sides may talk at any pace, and a
 * sender whom our windows hold back is not slow.
 */
export function isBodyTooSlow<Owner>(
  stream: Http2Stream<Owner>,
  options: { limits: Http2Limits; isHeldBack: boolean; now: number },
): boolean {
  const { limits, isHeldBack, now } = options;
  if (stream.isReceiveEnded || stream.hasSentHead || stream.isDiscarding) return false;
  if (isHeldBack) {
    stream.rateSinceMs = now;
    stream.rateSinceBytes = stream.receivedBytes;
    return false;
  }
  const graceOverMs = now - stream.rateSinceMs - limits.bodyGraceMs;
  const arrived = stream.receivedBytes - stream.rateSinceBytes;
  return graceOverMs >= 0 &&
    arrived * 1000 < limits.minBodyBytesPerSecond * (graceOverMs + limits.bodyGraceMs);
}

/** True if bytes have waited for the peer's window longer than allowed; to be asked regularly. */
export function isStalled<Owner>(
  stream: Http2Stream<Owner>,
  options: { stallTimeoutMs: number; now: number },
): boolean {
  if (stream.heldBytes === 0) {
    stream.stalledSinceMs = -1;
    return false;
  }
  if (stream.stalledSinceMs < 0 || stream.framedBytes - stream.stalledAtBytes >= PROGRESS_BYTES) {
    stream.stalledSinceMs = options.now;
    stream.stalledAtBytes = stream.framedBytes;
    return false;
  }
  return options.now - stream.stalledSinceMs >= options.stallTimeoutMs;
}
