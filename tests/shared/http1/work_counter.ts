/**
 * Counts the bytes that are searched, copied or decoded while `work` runs: what grows when a codec looks at the same
 * bytes again for each piece. It stands in for a clock, which a shared machine makes useless.
 */
import { Buffer } from "node:buffer";

export function countWork(work: () => void): number {
  const bytes = Uint8Array.prototype;
  const buffer = Buffer.prototype;
  const { indexOf, set, slice } = bytes;
  const { toString } = buffer;
  let count = 0;
  bytes.indexOf = function (this: Uint8Array, byte: number, from = 0) {
    const found = indexOf.call(this, byte, from);
    count += (found < 0 ? this.length : found + 1) - from;
    return found;
  };
  bytes.set = function (this: Uint8Array, source: ArrayLike<number>, at = 0) {
    count += source.length;
    return set.call(this, source, at);
  };
  bytes.slice = function (this: Uint8Array<ArrayBuffer>, start?: number, end?: number) {
    const copy = slice.call(this, start, end) as Uint8Array<ArrayBuffer>;
    count += copy.length;
    return copy;
  };
  buffer.toString = function (this: Buffer, ...options: Parameters<typeof toString>) {
    count += this.length;
    return toString.apply(this, options);
  };
  try {
    work();
  } finally {
    Object.assign(bytes, { indexOf, set, slice });
    buffer.toString = toString;
  }
  return count;
}
