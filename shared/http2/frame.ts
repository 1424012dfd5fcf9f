/** Frame types (RFC 9113 §6). */
export const FRAME_TYPE = {
  DATA: 0x0,
  HEADERS: 0x1,
  PRIORITY: 0x2,
  RST_STREAM: 0x3,
  SETTINGS: 0x4,
  PUSH_PROMISE: 0x5,
  PING: 0x6,
  GOAWAY: 0x7,
  WINDOW_UPDATE: 0x8,
  CONTINUATION: 0x9,
} as const;

/** Flags (RFC 9113 §6); ACK shares its bit with END_STREAM. */
export const FLAG = { ACK: 0x1, END_STREAM: 0x1, END_HEADERS: 0x4, PADDED: 0x8, PRIORITY: 0x20 } as const;

export const FRAME_HEAD_BYTES = 9;
/** SETTINGS_MAX_FRAME_SIZE of this end, the default; frames sent are no larger either. */
export const MAX_FRAME_BYTES = 16384;
/** Largest flow-control window (RFC 9113 §6.9.1). */
export const MAX_WINDOW_BYTES = 0x7fff_ffff;
export const MAX_STREAM_ID = 0x7fff_ffff;

export interface FrameHead {
  /** Payload bytes behind the head. */
  readonly length: number;
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
}

/** Writes a frame head (RFC 9113 §4.1) to the first nine bytes of `target`. */
export function writeFrameHead(target: Uint8Array, head: FrameHead): void {
  target[0] = head.length >>> 16;
  target[1] = head.length >>> 8;
  target[2] = head.length;
  target[3] = head.type;
  target[4] = head.flags;
  writeUint32(target, 5, head.streamId);
}

/** @param at offset of the most significant byte */
export function readUint32(bytes: Uint8Array, at: number): number {
  return (((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) |
    (bytes[at + 3] ?? 0)) >>> 0;
}

/** Reads 31 bits; the reserved bit in front is ignored (RFC 9113 §4.1). */
export function readUint31(bytes: Uint8Array, at: number): number {
  return readUint32(bytes, at) & 0x7fff_ffff;
}

export function writeUint32(target: Uint8Array, at: number, value: number): void {
  target[at] = value >>> 24;
  target[at + 1] = value >>> 16;
  target[at + 2] = value >>> 8;
  target[at + 3] = value;
}
