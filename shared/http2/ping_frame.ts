import { FLAG, FRAME_HEAD_BYTES, FRAME_TYPE, writeFrameHead } from "./frame.ts";
import { frameSizeError, protocolError } from "./http2_error.ts";

export const PING_BYTES = 8;
export const PING_FRAME_BYTES = FRAME_HEAD_BYTES + PING_BYTES;

/** Checks a PING frame (RFC 9113 §6.7); true: it acknowledges one of ours. */
export function checkPingFrame(payload: Uint8Array, frame: { flags: number; streamId: number }): boolean {
  if (payload.length !== PING_BYTES) throw frameSizeError("PING not of eight bytes");
  if (frame.streamId !== 0) throw protocolError("PING on a stream");
  return (frame.flags & FLAG.ACK) !== 0;
}

/** @param ping `opaque`: the eight bytes that come back with the acknowledgement */
export function writePingFrame(target: Uint8Array, ping: { opaque: Uint8Array; isAck: boolean }): void {
  const flags = ping.isAck ? FLAG.ACK : 0;
  writeFrameHead(target, { length: PING_BYTES, type: FRAME_TYPE.PING, flags, streamId: 0 });
  target.set(ping.opaque, FRAME_HEAD_BYTES);
}
