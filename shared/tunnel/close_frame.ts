/** CLOSE: 0 for an end in agreement, or a session error's number. */
import { CLOSE } from "./frame_type.ts";
import { ProtocolViolation } from "./protocol_violation.ts";
import { type FrameReader, type FrameWriter, varintSize } from "./varint.ts";

export function writeCloseFrame(writer: FrameWriter, code: number): void {
  writer.byte(CLOSE);
  writer.varint(varintSize(code));
  writer.varint(code);
}

/** @throws {ProtocolViolation} `frame_encoding` */
export function readCloseFrame(reader: FrameReader): number {
  const code = reader.varint();
  if (code < 0 || reader.remaining > 0) throw new ProtocolViolation("frame_encoding", "CLOSE");
  return code;
}
