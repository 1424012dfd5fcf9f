/** CREDIT: stream id, the absolute number of units that may be sent in the stream's opposite direction. */
import { CREDIT } from "./frame_type.ts";
import { ProtocolViolation } from "./protocol_violation.ts";
import { type FrameReader, type FrameWriter, varintSize } from "./varint.ts";

export interface CreditFrame {
  readonly streamId: number;
  readonly limit: number;
}

export function writeCreditFrame(writer: FrameWriter, frame: CreditFrame): void {
  writer.byte(CREDIT);
  writer.varint(varintSize(frame.streamId) + varintSize(frame.limit));
  writer.varint(frame.streamId);
  writer.varint(frame.limit);
}

/** @throws {ProtocolViolation} `frame_encoding` */
export function readCreditFrame(reader: FrameReader): CreditFrame {
  const streamId = reader.varint();
  const limit = reader.varint();
  if (streamId < 0 || limit < 0 || reader.remaining > 0) {
    throw new ProtocolViolation("frame_encoding", "CREDIT");
  }
  return { streamId, limit };
}
