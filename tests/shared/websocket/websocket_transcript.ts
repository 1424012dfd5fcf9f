/** What a reader makes of bytes, however they are cut, as plain data that can be compared. */
import { FrameReader, type FrameReaderOptions } from "../../../shared/websocket/frame_reader.ts";
import { writeFrame } from "../../../shared/websocket/frame_writer.ts";
import { OPCODE, type Opcode } from "../../../shared/websocket/opcode.ts";
import { WebSocketViolation } from "../../../shared/websocket/websocket_violation.ts";

/** Pieces of one message that follow each other are one entry. */
export type TranscriptEntry =
  | { kind: "data"; type: "text" | "binary"; bytes: number[]; endsMessage: boolean }
  | { kind: "ping" | "pong"; payload: number[] }
  | { kind: "close"; code: number | null; reason: string }
  | { kind: "violation"; closeCode: number };

/** Feeds the pieces one after the other; they are copied first, since the reader unmasks in place. */
export function transcriptOf(pieces: readonly Uint8Array[], options: FrameReaderOptions): TranscriptEntry[] {
  const reader = new FrameReader(options);
  const entries: TranscriptEntry[] = [];
  for (const piece of pieces) {
    reader.receive(piece.slice());
    try {
      for (let event = reader.nextEvent(); event !== null; event = reader.nextEvent()) {
        if (event.kind === "data") append(entries, { ...event, bytes: [...event.bytes] });
        else if (event.kind === "close") entries.push({ ...event });
        else entries.push({ kind: event.kind, payload: [...event.payload] });
      }
    } catch (error) {
      if (!(error instanceof WebSocketViolation)) throw error;
      entries.push({ kind: "violation", closeCode: error.closeCode });
      break;
    }
  }
  return entries;
}

function append(entries: TranscriptEntry[], piece: TranscriptEntry & { kind: "data" }): void {
  const last = entries.at(-1);
  if (last?.kind !== "data" || last.endsMessage) entries.push(piece);
  else {
    last.bytes.push(...piece.bytes);
    last.endsMessage = piece.endsMessage;
  }
}

export function cutAt(bytes: Uint8Array, at: number): Uint8Array[] {
  return [bytes.subarray(0, at), bytes.subarray(at)];
}

export interface WrittenFrame {
  readonly opcode: Opcode;
  readonly payload: Uint8Array;
  readonly isFinal?: boolean;
}

/** Encoded as `from` sends them. */
export function encodeFrames(frames: readonly WrittenFrame[], from: "client" | "server"): Uint8Array {
  const pieces = frames.map(({ opcode, payload, isFinal = true }, index) => {
    const target = new Uint8Array(payload.length + 14);
    const maskKey = from === "client" ? Uint8Array.of(0x11 * index, 0x93, 0x5a, 0xff - index) : null;
    return target.subarray(0, writeFrame(target, { opcode, isFinal, maskKey, payload }));
  });
  return concatenate(pieces);
}

export function concatenate(pieces: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

export function textBytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** A stream with a frame of each kind: fragments, an empty one, control frames between them, all three length forms. */
export function sampleFrames(): WrittenFrame[] {
  return [
    { opcode: OPCODE.text, payload: textBytes("mañ"), isFinal: false },
    { opcode: OPCODE.ping, payload: textBytes("beat") },
    { opcode: OPCODE.continuation, payload: new Uint8Array(0), isFinal: false },
    { opcode: OPCODE.continuation, payload: textBytes("ana 令牌") },
    { opcode: OPCODE.binary, payload: new Uint8Array(0) },
    { opcode: OPCODE.binary, payload: new Uint8Array(126).fill(7) },
    { opcode: OPCODE.pong, payload: new Uint8Array(125).fill(8) },
    { opcode: OPCODE.binary, payload: Uint8Array.from({ length: 300 }, (_, i) => i & 0xff), isFinal: false },
    { opcode: OPCODE.continuation, payload: new Uint8Array(3) },
    { opcode: OPCODE.close, payload: Uint8Array.of(0x03, 0xe8, ...textBytes("done")) },
  ];
}
