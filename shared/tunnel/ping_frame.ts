/** PING and PONG: an 8-byte token; a PONG carries its PING's. This implementation counts tokens up from 1 on each lane. */
import { PING, PONG } from "./frame_type.ts";
import { ProtocolViolation } from "./protocol_violation.ts";
import type { FrameReader, FrameWriter } from "./varint.ts";

const TOKEN_BYTES = 8;

export function writePingFrame(writer: FrameWriter, token: number): void {
  writer.byte(PING);
  writer.varint(TOKEN_BYTES);
  writer.fixed64(token);
}

export function writePongFrame(writer: FrameWriter, token: Uint8Array): void {
  writer.byte(PONG);
  writer.varint(TOKEN_BYTES);
  writer.bytes(token);
}

/** The token's eight bytes, borrowed. @throws {ProtocolViolation} `frame_encoding` */
export function readPingFrame(reader: FrameReader): Uint8Array {
  const token = reader.rest();
  if (token.length !== TOKEN_BYTES) throw new ProtocolViolation("frame_encoding", "PING");
  return token;
}

/** The token, or -1 for one that this implementation never sends. @throws {ProtocolViolation} `frame_encoding` */
export function readPongFrame(reader: FrameReader): number {
  if (reader.remaining !== TOKEN_BYTES) throw new ProtocolViolation("frame_encoding", "PONG");
  return reader.fixed64();
}
