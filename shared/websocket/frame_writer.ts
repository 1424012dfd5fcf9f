import { assert } from "../assert/assert.ts";
import { applyMask, MASK_KEY_BYTES } from "./mask.ts";
import { isControl, MAX_CONTROL_BYTES, type Opcode } from "./opcode.ts";

/** Of a frame with the longest length and a mask. */
export const MAX_FRAME_HEADER_BYTES = 14;

export interface Frame {
  readonly opcode: Opcode;
  /** Last, or only, frame of its message. */
  readonly isFinal: boolean;
  /** Four bytes that nobody can foresee from a client, null from a server (RFC 6455 §5.3). */
  readonly maskKey: Uint8Array | null;
  readonly payload: Uint8Array;
}

/** Writes `frame` to the front of `target`, which must hold header and payload; returns its length. */
export function writeFrame(target: Uint8Array, { opcode, isFinal, maskKey, payload }: Frame): number {
  assert(
    !isControl(opcode) || (isFinal && payload.length <= MAX_CONTROL_BYTES),
    "control frame out of bounds",
  );
  assert(maskKey === null || maskKey.length === MASK_KEY_BYTES, "mask key of another length");
  target[0] = (isFinal ? 0x80 : 0) | opcode;
  let at = writeLength(target, payload.length);
  if (maskKey !== null) {
    target[1] = (target[1] ?? 0) | 0x80;
    target.set(maskKey, at);
    at += MASK_KEY_BYTES;
  }
  const end = at + payload.length;
  assert(end <= target.length, "frame larger than its place");
  target.set(payload, at);
  if (maskKey !== null) applyMask(target.subarray(at, end), maskKey, 0);
  return end;
}

/** In the shortest of the three forms; returns where the length ends. */
function writeLength(target: Uint8Array, length: number): number {
  if (length < 126) {
    target[1] = length;
    return 2;
  }
  const view = new DataView(target.buffer, target.byteOffset);
  if (length < 65_536) {
    target[1] = 126;
    view.setUint16(2, length);
    return 4;
  }
  target[1] = 127;
  view.setUint32(2, Math.floor(length / 2 ** 32));
  view.setUint32(6, length % 2 ** 32);
  return 10;
}
