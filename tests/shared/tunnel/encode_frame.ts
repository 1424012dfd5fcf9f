import { FrameReader, FrameWriter } from "../../../shared/tunnel/varint.ts";
import { FrameSplitter } from "../../../shared/tunnel/frame_splitter.ts";

/** The bytes that `write` writes. */
export function encodeFrame(write: (writer: FrameWriter) => void): Uint8Array {
  const writer = new FrameWriter();
  writer.buffer = new Uint8Array(256 * 1024);
  write(writer);
  return writer.buffer.slice(0, writer.at);
}

export function concatBytes(...pieces: Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(pieces.reduce((length, piece) => length + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

/** Type and payload of the one frame in `bytes`. */
export function splitOne(bytes: Uint8Array): { type: number; payload: FrameReader } {
  const splitter = new FrameSplitter();
  splitter.feed(bytes);
  if (!splitter.next()) throw new Error("no complete frame");
  return { type: splitter.type, payload: splitter.payload };
}

/** Readers of the payload cut after each of its bytes but the last; `headerBytes` come before the payload. */
export function cutPayloads(bytes: Uint8Array, headerBytes = 2): FrameReader[] {
  const readers: FrameReader[] = [];
  for (let end = headerBytes; end < bytes.length; end++) {
    const reader = new FrameReader();
    reader.reset(bytes, { start: headerBytes, end });
    readers.push(reader);
  }
  return readers;
}

/** A reader of the payload with one byte more. */
export function overlongPayload(bytes: Uint8Array): FrameReader {
  const longer = concatBytes(bytes, new Uint8Array(1));
  const reader = new FrameReader();
  reader.reset(longer, { start: 2, end: longer.length });
  return reader;
}
