import { FRAME_HEAD_BYTES, FRAME_TYPE, readUint31, writeFrameHead, writeUint32 } from "./frame.ts";
import { frameSizeError, HTTP2_ERROR, Http2Error } from "./http2_error.ts";

export const WINDOW_UPDATE_FRAME_BYTES = FRAME_HEAD_BYTES + 4;

/**
 * The increment of a WINDOW_UPDATE frame (RFC 9113 §6.9), 1 to 2^31 - 1.
 * @throws {Http2Error} an increment of 0 is an error of the stream it names, or of the connection
 */
export function parseWindowUpdateFrame(payload: Uint8Array, streamId: number): number {
  if (payload.length !== 4) throw frameSizeError("WINDOW_UPDATE not of four bytes");
  const increment = readUint31(payload, 0);
  if (increment === 0) {
    throw new Http2Error("window increment 0", { errorCode: HTTP2_ERROR.PROTOCOL_ERROR, streamId });
  }
  return increment;
}

export function writeWindowUpdateFrame(
  target: Uint8Array,
  frame: { streamId: number; increment: number },
): void {
  writeFrameHead(target, { length: 4, type: FRAME_TYPE.WINDOW_UPDATE, flags: 0, streamId: frame.streamId });
  writeUint32(target, FRAME_HEAD_BYTES, frame.increment);
}
