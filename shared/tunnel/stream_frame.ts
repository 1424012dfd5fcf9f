/** STREAM_HEAD, STREAM_INFORMATIONAL, STREAM_DATA, STREAM_END: stream id, offset in units, bytes. */
import { ProtocolViolation } from "./protocol_violation.ts";
import { MAX_DATA_BYTES, MAX_HEAD_BYTES, STREAM_DATA, type StreamFrameType } from "./frame_type.ts";
import { type FrameReader, type FrameWriter, varintSize } from "./varint.ts";

export interface StreamFrame {
  readonly type: StreamFrameType;
  readonly streamId: number;
  /** Units of this direction before this frame: bytes, plus one for each frame. */
  readonly offset: number;
  readonly bytes: Uint8Array;
}

export function writeStreamFrame(writer: FrameWriter, frame: StreamFrame): void {
  const { streamId, offset, bytes } = frame;
  writer.byte(frame.type);
  writer.varint(varintSize(streamId) + varintSize(offset) + bytes.length);
  writer.varint(streamId);
  writer.varint(offset);
  writer.bytes(bytes);
}

/** `bytes` of the result are borrowed. @throws {ProtocolViolation} `frame_encoding`, `frame_size` */
export function readStreamFrame(reader: FrameReader, type: StreamFrameType): StreamFrame {
  const streamId = reader.varint();
  const offset = reader.varint();
  if (streamId < 0 || offset < 0) throw new ProtocolViolation("frame_encoding", "cut stream frame");
  if (reader.remaining > (type === STREAM_DATA ? MAX_DATA_BYTES : MAX_HEAD_BYTES)) {
    throw new ProtocolViolation("frame_size", "stream frame above its limit");
  }
  return { type, streamId, offset, bytes: reader.rest() };
}
