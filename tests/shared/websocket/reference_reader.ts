/** Reads a whole recording of frames the plain way, to compare the reader with (RFC 6455 §5 read once more). */
import type { FrameReaderOptions } from "../../../shared/websocket/frame_reader.ts";
import type { TranscriptEntry } from "./websocket_transcript.ts";

const DATA_OPCODES = [0, 1, 2];
const CONTROL_OPCODES = [8, 9, 10];

export function referenceTranscript(bytes: Uint8Array, options: FrameReaderOptions): TranscriptEntry[] {
  const entries: TranscriptEntry[] = [];
  const isMasked = options.role === "server";
  let message: { type: "text" | "binary"; announced: number; bytes: number[] } | null = null;
  const fail = (closeCode: number) => [...entries, { kind: "violation" as const, closeCode }];
  for (let at = 0; at < bytes.length;) {
    const first = bytes[at] ?? 0;
    const opcode = first & 15;
    const isControl = CONTROL_OPCODES.includes(opcode);
    if ((first & 0x70) !== 0 || !(isControl || DATA_OPCODES.includes(opcode))) return fail(1002);
    if (isControl && first < 128) return fail(1002);
    const second = bytes[at + 1];
    if (second === undefined) return entries;
    if (second >= 128 !== isMasked || (isControl && (second & 127) > 125)) return fail(1002);
    const lengthBytes = (second & 127) === 126 ? 2 : (second & 127) === 127 ? 8 : 0;
    const payloadAt = at + 2 + lengthBytes + (isMasked ? 4 : 0);
    if (payloadAt > bytes.length) return entries;
    const digits = bytes.subarray(at + 2, at + 2 + lengthBytes);
    const length = lengthBytes === 0
      ? BigInt(second & 127)
      : digits.reduce((sum, d) => sum << 8n | BigInt(d), 0n);
    if (lengthBytes > 0 && length < (lengthBytes === 2 ? 126n : 65536n)) return fail(1002);
    if (length >= 2n ** 53n) return fail(1009);
    if (!isControl && (opcode === 0) !== (message !== null)) return fail(1002);
    const key = bytes.subarray(payloadAt - 4, payloadAt);
    const unmasked = Array.from(
      bytes.subarray(payloadAt, payloadAt + Number(length)),
      (byte, index) => isMasked ? byte ^ (key[index % 4] ?? 0) : byte,
    );
    const isWhole = unmasked.length === Number(length);
    if (isControl) {
      if (!isWhole) return entries;
      if (opcode === 8) {
        const close = referenceClose(Uint8Array.from(unmasked));
        return typeof close === "number" ? fail(close) : [...entries, close];
      }
      entries.push({ kind: opcode === 9 ? "ping" : "pong", payload: unmasked });
    } else {
      message ??= { type: opcode === 1 ? "text" : "binary", announced: 0, bytes: [] };
      message.announced += Number(length);
      if (message.announced > options.maxMessageBytes) return fail(1009);
      message.bytes.push(...unmasked);
      const endsMessage = isWhole && first >= 128;
      if (message.type === "text" && !isUtf8(message.bytes, endsMessage)) return fail(1007);
      const last = entries.at(-1);
      if (last?.kind === "data" && !last.endsMessage) {
        last.bytes.push(...unmasked);
        last.endsMessage = endsMessage;
      } else if (unmasked.length > 0 || endsMessage) {
        entries.push({ kind: "data", type: message.type, bytes: [...unmasked], endsMessage });
      }
      if (endsMessage) message = null;
    }
    at = payloadAt + Number(length);
  }
  return entries;
}

function referenceClose(payload: Uint8Array): TranscriptEntry | number {
  if (payload.length === 0) return { kind: "close", code: null, reason: "" };
  if (payload.length === 1) return 1002;
  const code = new DataView(payload.buffer).getUint16(0);
  const isAllowed = code >= 1000 && code < 5000 && !(code >= 1015 && code < 3000) &&
    ![1004, 1005, 1006].includes(code);
  if (!isAllowed) return 1002;
  if (!isUtf8([...payload.subarray(2)], true)) return 1007;
  return {
    kind: "close",
    code,
    reason: new TextDecoder("utf-8", { ignoreBOM: true }).decode(payload.subarray(2)),
  };
}

function isUtf8(bytes: number[], isWhole: boolean): boolean {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(Uint8Array.from(bytes), { stream: !isWhole });
    return true;
  } catch (error) {
    if (error instanceof TypeError) return false;
    throw error;
  }
}
