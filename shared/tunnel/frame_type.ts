/** Frame types of version 1, their classes and the longest payload of each (`SPEC.md`, "Frames"). */
import { ProtocolViolation } from "./protocol_violation.ts";

export const STREAM_HEAD = 0x01;
export const STREAM_INFORMATIONAL = 0x02;
export const STREAM_DATA = 0x03;
export const STREAM_END = 0x04;
export const RESET = 0x05;
export const CREDIT = 0x06;
export const GOAWAY = 0x07;
export const LANE_ACK = 0x20;
export const PING = 0x21;
export const PONG = 0x22;
export const CLOSE = 0x23;
export const COPY = 0x40;
export const DATAGRAM_REPORT = 0x41;

export type StreamFrameType =
  | typeof STREAM_HEAD
  | typeof STREAM_INFORMATIONAL
  | typeof STREAM_DATA
  | typeof STREAM_END;

/** Types from here on are extensions: a receiver that does not know them ignores them. */
const FIRST_EXTENSION_TYPE = 0x40;

/** Longest bytes of one STREAM_DATA. */
export const MAX_DATA_BYTES = 64 * 1024;
/** Longest bytes of one head, informational head or trailers; also of an ignored extension. */
export const MAX_HEAD_BYTES = 128 * 1024;
/** Type, length, stream id and offset at their longest. */
export const MAX_STREAM_FRAME_OVERHEAD = 1 + 4 + 8 + 8;
/** Longest encoding of any other frame. */
export const MAX_CONTROL_FRAME_BYTES = 1 + 1 + 8 + 8;

const TWO_VARINTS = 16;

export function isExtensionType(type: number): boolean {
  return type >= FIRST_EXTENSION_TYPE;
}

export function isStreamFrameType(type: number): type is StreamFrameType {
  return type >= STREAM_HEAD && type <= STREAM_END;
}

/** Longest payload of a type. @throws {ProtocolViolation} `unknown_frame` */
export function maxPayloadBytes(type: number): number {
  switch (type) {
    case STREAM_DATA:
      return MAX_DATA_BYTES + TWO_VARINTS;
    case STREAM_HEAD:
    case STREAM_INFORMATIONAL:
    case STREAM_END:
      return MAX_HEAD_BYTES + TWO_VARINTS;
    case RESET:
    case CREDIT:
    case GOAWAY:
      return TWO_VARINTS;
    case LANE_ACK:
    case PING:
    case PONG:
    case CLOSE:
      return 8;
    case DATAGRAM_REPORT:
      return TWO_VARINTS;
  }
  if (isExtensionType(type)) return MAX_HEAD_BYTES + TWO_VARINTS;
  throw new ProtocolViolation("unknown_frame", `frame type 0x${type.toString(16)}`);
}
