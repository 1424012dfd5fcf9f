/** DATAGRAM_REPORT: highest number, datagrams received. */
import type { DatagramReport } from "./datagram_account.ts";
import { DATAGRAM_REPORT } from "./frame_type.ts";
import { ProtocolViolation } from "./protocol_violation.ts";
import { type FrameReader, type FrameWriter, varintSize } from "./varint.ts";

export function writeDatagramReportFrame(writer: FrameWriter, { highest, received }: DatagramReport): void {
  writer.byte(DATAGRAM_REPORT);
  writer.varint(varintSize(highest) + varintSize(received));
  writer.varint(highest);
  writer.varint(received);
}

/** @throws {ProtocolViolation} `frame_encoding` */
export function readDatagramReportFrame(reader: FrameReader): DatagramReport {
  const highest = reader.varint();
  const received = reader.varint();
  if (highest < 0 || received < 0 || reader.remaining > 0) {
    throw new ProtocolViolation("frame_encoding", "DATAGRAM_REPORT");
  }
  return { highest, received };
}
