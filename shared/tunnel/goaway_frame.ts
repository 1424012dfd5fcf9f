/** GOAWAY: the highest stream id that the sender takes (core) or has opened (edge), and why. */
import { GOAWAY } from "./frame_type.ts";
import { ProtocolViolation } from "./protocol_violation.ts";
import { type FrameReader, type FrameWriter, varintSize } from "./varint.ts";

/** A core's last id: it takes every stream that the edge opens until it hears of it, and says with its own GOAWAY. */
export const UNTIL_HEARD = Number.MAX_SAFE_INTEGER;

export interface GoawayFrame {
  readonly lastStreamId: number;
  /** The users' own number. */
  readonly reason: number;
}

export function writeGoawayFrame(writer: FrameWriter, frame: GoawayFrame): void {
  writer.byte(GOAWAY);
  writer.varint(varintSize(frame.lastStreamId) + varintSize(frame.reason));
  writer.varint(frame.lastStreamId);
  writer.varint(frame.reason);
}

/** @throws {ProtocolViolation} `frame_encoding` */
export function readGoawayFrame(reader: FrameReader): GoawayFrame {
  const lastStreamId = reader.varint();
  const reason = reader.varint();
  if (lastStreamId < 0 || reason < 0 || reader.remaining > 0) {
    throw new ProtocolViolation("frame_encoding", "GOAWAY");
  }
  return { lastStreamId, reason };
}
