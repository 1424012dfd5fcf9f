import { FRAME_HEAD_BYTES, FRAME_TYPE, readUint32, writeFrameHead, writeUint32 } from "./frame.ts";
import { frameSizeError, protocolError } from "./http2_error.ts";

export const RST_STREAM_FRAME_BYTES = FRAME_HEAD_BYTES + 4;

/** The error code of a RST_STREAM frame (RFC 9113 §6.4). */
export function parseRstStreamFrame(payload: Uint8Array, streamId: number): number {
  if (streamId === 0) throw protocolError("RST_STREAM on stream 0");
  if (payload.length !== 4) throw frameSizeError("RST_STREAM not of four bytes");
  return readUint32(payload, 0);
}

export function writeRstStreamFrame(
  target: Uint8Array,
  frame: { streamId: number; errorCode: number },
): void {
  writeFrameHead(target, { length: 4, type: FRAME_TYPE.RST_STREAM, flags: 0, streamId: frame.streamId });
  writeUint32(target, FRAME_HEAD_BYTES, frame.errorCode);
}
