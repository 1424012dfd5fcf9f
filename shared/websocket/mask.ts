export const MASK_KEY_BYTES = 4;

const word = new Uint32Array(1);
const wordBytes = new Uint8Array(word.buffer);

/**
 * XORs `bytes` in place with the masking key, which also takes the mask off (RFC 6455 §5.3). `offset`: where `bytes`
 * begin in the frame's payload. Four bytes at a time where there are many.
 */
export function applyMask(bytes: Uint8Array, key: Uint8Array, offset: number): void {
  const end = bytes.length;
  let at = 0;
  const misaligned = -bytes.byteOffset & 3;
  if (end - misaligned >= 16) {
    for (; at < misaligned; at++) bytes[at] = (bytes[at] ?? 0) ^ (key[(offset + at) & 3] ?? 0);
    for (let i = 0; i < MASK_KEY_BYTES; i++) wordBytes[i] = key[(offset + at + i) & 3] ?? 0;
    const mask = word[0] ?? 0;
    const words = new Uint32Array(bytes.buffer, bytes.byteOffset + at, (end - at) >> 2);
    for (let i = 0; i < words.length; i++) words[i] = (words[i] ?? 0) ^ mask;
    at += words.length * 4;
  }
  for (; at < end; at++) bytes[at] = (bytes[at] ?? 0) ^ (key[(offset + at) & 3] ?? 0);
}
