import { FLAG, FRAME_HEAD_BYTES, FRAME_TYPE, writeFrameHead } from "./frame.ts";
import { protocolError } from "./http2_error.ts";

/** Bytes of body in a DATA frame (RFC 9113 §6.1) whose payload has `length` bytes and whose pad length is `padLength`. */
export function paddedDataLength(length: number, padLength: number): number {
  if (padLength >= length) throw protocolError("padding longer than the DATA frame");
  return length - 1 - padLength;
}

/** Writes a whole DATA frame; `target` has exactly `FRAME_HEAD_BYTES + bytes.length` bytes. */
export function writeDataFrame(
  target: Uint8Array,
  frame: { streamId: number; bytes: Uint8Array; isEnd: boolean },
): void {
  writeFrameHead(target, {
    length: frame.bytes.length,
    type: FRAME_TYPE.DATA,
    flags: frame.isEnd ? FLAG.END_STREAM : 0,
    streamId: frame.streamId,
  });
  target.set(frame.bytes, FRAME_HEAD_BYTES);
}
