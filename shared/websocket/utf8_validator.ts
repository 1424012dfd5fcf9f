/**
 * Says whether bytes that come in pieces are UTF-8 (RFC 3629 §3: no overlong forms, no surrogates, nothing above
 * U+10FFFF), at the first byte that cannot be. A `TextDecoder` would make strings of what passes through.
 */
export class Utf8Validator {
  /** Continuation bytes still due of the character that has begun. */
  #due = 0;
  /** Bounds of the next continuation byte; narrower than 80 to BF only behind some first bytes. */
  #low = 0x80;
  #high = 0xbf;

  /** False: no text can go on so. Must not be called after that. */
  push(bytes: Uint8Array): boolean {
    for (const byte of bytes) {
      if (this.#due > 0) {
        if (byte < this.#low || byte > this.#high) return false;
        this.#due--;
        this.#low = 0x80;
        this.#high = 0xbf;
      } else if (byte >= 0x80 && !this.#begin(byte)) {
        return false;
      }
    }
    return true;
  }

  /** True where the text may end: no character is unfinished. */
  get isWhole(): boolean {
    return this.#due === 0;
  }

  #begin(byte: number): boolean {
    if (byte < 0xc2 || byte > 0xf4) return false;
    this.#due = byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
    if (byte === 0xe0) this.#low = 0xa0;
    else if (byte === 0xed) this.#high = 0x9f;
    else if (byte === 0xf0) this.#low = 0x90;
    else if (byte === 0xf4) this.#high = 0x8f;
    return true;
  }
}
