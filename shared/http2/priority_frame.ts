import { readUint31 } from "./frame.ts";
import { frameSizeError, protocolError } from "./http2_error.ts";

/** Stream dependency and weight: deprecated (RFC 9113 §5.3.2), checked and then ignored. */
export const PRIORITY_BYTES = 5;

/** Checks a PRIORITY frame (RFC 9113 §6.3). */
export function checkPriorityFrame(payload: Uint8Array, streamId: number): void {
  if (streamId === 0) throw protocolError("PRIORITY on stream 0");
  if (payload.length !== PRIORITY_BYTES) throw frameSizeError("PRIORITY not of five bytes");
  checkDependency(payload, streamId);
}

/** A stream that depends on itself is an error (RFC 7540 §5.3.1); no client of good will sends it. */
export function checkDependency(priority: Uint8Array, streamId: number): void {
  if (readUint31(priority, 0) === streamId) throw protocolError("stream depends on itself");
}
