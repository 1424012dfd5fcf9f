/** Non-cryptographic 32-bit hashes: the only source of chance in the embedded origin. */

/** Mixes two 32-bit numbers into one (the finaliser of MurmurHash3). */
export function mix(a: number, b: number): number {
  let h = (a ^ Math.imul(b, 0x9e3779b1)) >>> 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** FNV-1a over the UTF-16 units of `text`. */
export function hashText(text: string, seed: number): number {
  let h = (0x811c9dc5 ^ seed) >>> 0;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  return mix(h, text.length);
}

/** `digits` hexadecimal digits that follow from `seed`. */
export function hexOf(seed: number, digits: number): string {
  let text = "";
  for (let i = 0; text.length < digits; i++) text += mix(seed, i + 1).toString(16).padStart(8, "0");
  return text.slice(0, digits);
}
