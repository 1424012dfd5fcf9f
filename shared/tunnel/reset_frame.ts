/** RESET: stream id, code. */
import { RESET } from "./frame_type.ts";
import { ProtocolViolation } from "./protocol_violation.ts";
import { type FrameReader, type FrameWriter, varintSize } from "./varint.ts";

/** Reset codes are the users' own; only the range is the session's. */
export const MAX_RESET_CODE = 0xffff_ffff;

export interface ResetFrame {
  readonly streamId: number;
  /** 1 to {@linkcode MAX_RESET_CODE}. */
  readonly code: number;
}

export function writeResetFrame(writer: FrameWriter, frame: ResetFrame): void {
  writer.byte(RESET);
  writer.varint(varintSize(frame.streamId) + varintSize(frame.code));
  writer.varint(frame.streamId);
  writer.varint(frame.code);
}

/** @throws {ProtocolViolation} `frame_encoding` */
export function readResetFrame(reader: FrameReader): ResetFrame {
  const streamId = reader.varint();
  const code = reader.varint();
  if (streamId < 0 || code < 1 || code > MAX_RESET_CODE || reader.remaining > 0) {
    throw new ProtocolViolation("frame_encoding", "RESET");
  }
  return { streamId, code };
}
