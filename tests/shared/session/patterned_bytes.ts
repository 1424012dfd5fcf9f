/** Bodies whose bytes tell where they belong: of another stream, lost, doubled or swapped bytes all show. */

/** `length` bytes of stream `seed` from `offset` on. */
export function patternedBytes(
  seed: number,
  { offset, length }: { offset: number; length: number },
): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => byteAt(seed, offset + i));
}

/** Checks a body as it comes. */
export class PatternReader {
  readonly #seed: number;
  #length = 0;
  /** Offset of the first byte that is wrong; null while all are right. */
  wrongAt: number | null = null;

  constructor(seed: number) {
    this.#seed = seed;
  }

  get length(): number {
    return this.#length;
  }

  read(bytes: Uint8Array): void {
    for (const byte of bytes) {
      if (byte !== byteAt(this.#seed, this.#length)) this.wrongAt ??= this.#length;
      this.#length++;
    }
  }
}

function byteAt(seed: number, offset: number): number {
  return (seed * 131 + offset * 7 + (offset >>> 8) * 13) & 0xff;
}
