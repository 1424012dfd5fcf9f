/**
 * The Huffman code of HPACK (RFC 7541 §5.2 and Appendix B).
 *
 * The code is canonical: symbols sorted by code length, then by value, have consecutive codes. So 257 lengths state
 * the whole code, and both directions are derived from them. Decoding walks the code tree four bits at a time
 * (no code is shorter than five, so a step yields one symbol at the most). Padding is checked: fewer than eight
 * bits, all ones; a decoded EOS is an error.
 */
import { compressionError } from "./http2_error.ts";
import { byteText } from "../http/byte_text.ts";

const EOS = 256;
/** Bits of the code of each symbol 0–255; EOS has 30. */
// deno-fmt-ignore
const CODE_LENGTHS = new Uint8Array([
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28,
  28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
  6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6,
  5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
  13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
  7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
  15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5,
  6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
  20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,
  24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
  22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23,
  21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
  26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
  19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
  20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
  26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,  30,
]);
const CODES = canonicalCodes();
/** For state × 16 + nibble: next state, symbol + 1 (0: none) shifted by 9; -1 where the code does not go on. */
const STEPS: Int32Array = new Int32Array(256 * 16);
/** States in which the input may end: up to seven one bits since the last symbol. */
const IS_END = new Uint8Array(256);
buildSteps();

function canonicalCodes(): Uint32Array {
  const symbols = [...CODE_LENGTHS.keys()];
  symbols.sort((a, b) => (CODE_LENGTHS[a] ?? 0) - (CODE_LENGTHS[b] ?? 0) || a - b);
  const codes = new Uint32Array(257);
  let code = 0;
  let length = 0;
  for (const symbol of symbols) {
    const next = CODE_LENGTHS[symbol] ?? 0;
    code <<= next - length;
    length = next;
    codes[symbol] = code++;
  }
  return codes;
}

/** Numbers the inner nodes of the code tree and tabulates where four bits lead from each. */
function buildSteps(): void {
  // children[node * 2 + bit]: inner node, or -1 - symbol for a leaf.
  const children = new Int32Array(512);
  let nodes = 1;
  for (let symbol = 0; symbol <= EOS; symbol++) {
    const length = CODE_LENGTHS[symbol] ?? 0;
    const code = CODES[symbol] ?? 0;
    let node = 0;
    for (let bit = length - 1; bit > 0; bit--) {
      const slot = node * 2 + ((code >>> bit) & 1);
      if (children[slot] === 0) children[slot] = nodes++;
      node = children[slot] ?? 0;
    }
    children[node * 2 + (code & 1)] = -1 - symbol;
  }
  for (let state = 0; state < 256; state++) {
    for (let nibble = 0; nibble < 16; nibble++) STEPS[state * 16 + nibble] = step(children, state, nibble);
  }
  let node = 0;
  for (let ones = 0; ones < 8; ones++) {
    IS_END[node] = 1;
    node = children[node * 2 + 1] ?? 0;
  }
}

function step(children: Int32Array, state: number, nibble: number): number {
  let node = state;
  let emitted = 0;
  for (let bit = 3; bit >= 0; bit--) {
    const child = children[node * 2 + ((nibble >> bit) & 1)] ?? 0;
    if (child === -1 - EOS) return -1;
    if (child < 0) {
      emitted = -child;
      node = 0;
    } else node = child;
  }
  return node | (emitted << 9);
}

/** Bytes that `text` (a byte string) takes in the code. */
export function huffmanLength(text: string): number {
  let bits = 0;
  for (let i = 0; i < text.length; i++) bits += CODE_LENGTHS[text.charCodeAt(i)] ?? 0;
  return (bits + 7) >> 3;
}

/** Writes `text` to the front of `target`, which has room for {@linkcode huffmanLength} bytes. */
export function huffmanEncode(text: string, target: Uint8Array): void {
  let at = 0;
  let pending = 0;
  let pendingBits = 0;
  for (let i = 0; i < text.length; i++) {
    const symbol = text.charCodeAt(i);
    const code = CODES[symbol] ?? 0;
    let bits = CODE_LENGTHS[symbol] ?? 0;
    // At most 7 bits wait, so pieces of 24 bits keep within 31.
    if (bits > 24) {
      const high = bits - 24;
      pending = (pending << high) | (code >>> 24);
      pendingBits += high;
      bits = 24;
      for (; pendingBits >= 8; pendingBits -= 8) target[at++] = pending >>> (pendingBits - 8);
      pending &= 0xff;
    }
    pending = (pending << bits) | (code & 0xffffff);
    pendingBits += bits;
    for (; pendingBits >= 8; pendingBits -= 8) target[at++] = pending >>> (pendingBits - 8);
    pending &= 0xff;
  }
  if (pendingBits > 0) target[at] = (pending << (8 - pendingBits)) | (0xff >> pendingBits);
}

const SCRATCH = new Uint8Array(4096);

/** @throws {Http2Error} COMPRESSION_ERROR if `bytes` are not the code of a byte string */
export function huffmanDecode(bytes: Uint8Array): string {
  // The shortest code has five bits.
  const target = bytes.length * 8 <= SCRATCH.length * 5
    ? SCRATCH
    : new Uint8Array((bytes.length * 8) / 5 + 1);
  let length = 0;
  let state = 0;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i] ?? 0;
    const high = STEPS[state * 16 + (byte >> 4)] ?? -1;
    if (high < 0) throw compressionError("EOS within a Huffman string");
    if (high >> 9 !== 0) target[length++] = (high >> 9) - 1;
    const low = STEPS[(high & 0x1ff) * 16 + (byte & 0xf)] ?? -1;
    if (low < 0) throw compressionError("EOS within a Huffman string");
    if (low >> 9 !== 0) target[length++] = (low >> 9) - 1;
    state = low & 0x1ff;
  }
  if (IS_END[state] !== 1) throw compressionError("bad padding of a Huffman string");
  return byteText(target.subarray(0, length));
}
