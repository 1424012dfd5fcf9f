/** LANE_ACK: encoded bytes of sequenced frames that came on this lane and were taken, from its start. */
import { LANE_ACK } from "./frame_type.ts";
import { ProtocolViolation } from "./protocol_violation.ts";
import { type FrameReader, type FrameWriter, varintSize } from "./varint.ts";

export function writeLaneAckFrame(writer: FrameWriter, receivedBytes: number): void {
  writer.byte(LANE_ACK);
  writer.varint(varintSize(receivedBytes));
  writer.varint(receivedBytes);
}

/** @throws {ProtocolViolation} `frame_encoding` */
export function readLaneAckFrame(reader: FrameReader): number {
  const receivedBytes = reader.varint();
  if (receivedBytes < 0 || reader.remaining > 0) throw new ProtocolViolation("frame_encoding", "LANE_ACK");
  return receivedBytes;
}
