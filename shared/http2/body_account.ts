/** Bodies against their `content-length` (RFC 9113 §8.1.1), on every path on which one can end. */
import { malformed } from "./http2_error.ts";
import type { Http2Stream } from "./http2_stream.ts";

/** Counts a piece of body. @throws {Http2Error} of the stream once there is more than announced */
export function countReceived<Owner>(stream: Http2Stream<Owner>, bytes: number): void {
  stream.receivedBytes += bytes;
  if (stream.expectedBytes !== null && stream.receivedBytes > stream.expectedBytes) {
    throw malformed("body longer than content-length", stream.id);
  }
}

/** The peer ended the stream. @throws {Http2Error} of the stream if the body is shorter than announced */
export function checkReceivedWhole<Owner>(stream: Http2Stream<Owner>): void {
  if (stream.expectedBytes !== null && stream.receivedBytes !== stream.expectedBytes) {
    throw malformed("body shorter than content-length", stream.id);
  }
}

/** False if our own message is not as long as its head announced, so that an end must not look complete. */
export function isSentWhole<Owner>(stream: Http2Stream<Owner>): boolean {
  return stream.announcedBytes === null || stream.acceptedBytes === stream.announcedBytes;
}

/** True if an answer with this status has no body, whatever its length field says (RFC 9110 §6.4.1). */
export function isBodyless(status: number, isHeadRequest: boolean): boolean {
  return isHeadRequest || status === 204 || status === 304;
}
