import {
  FRAME_HEAD_BYTES,
  FRAME_TYPE,
  readUint31,
  readUint32,
  writeFrameHead,
  writeUint32,
} from "./frame.ts";
import { frameSizeError, protocolError } from "./http2_error.ts";

const FIXED_BYTES = 8;
export const GOAWAY_FRAME_BYTES = FRAME_HEAD_BYTES + FIXED_BYTES;

export interface Goaway {
  /** Streams above it were not and will not be worked on. */
  readonly lastStreamId: number;
  readonly errorCode: number;
}

/** RFC 9113 §6.8; debug bytes are ignored. */
export function parseGoawayFrame(payload: Uint8Array, streamId: number): Goaway {
  if (streamId !== 0) throw protocolError("GOAWAY on a stream");
  if (payload.length < FIXED_BYTES) throw frameSizeError("GOAWAY cut short");
  return { lastStreamId: readUint31(payload, 0), errorCode: readUint32(payload, 4) };
}

/** Sends no debug bytes: they would tell a stranger about our limits. */
export function writeGoawayFrame(target: Uint8Array, goaway: Goaway): void {
  writeFrameHead(target, { length: FIXED_BYTES, type: FRAME_TYPE.GOAWAY, flags: 0, streamId: 0 });
  writeUint32(target, FRAME_HEAD_BYTES, goaway.lastStreamId);
  writeUint32(target, FRAME_HEAD_BYTES + 4, goaway.errorCode);
}
