import { MASK_KEY_BYTES } from "../websocket/mask.ts";

/** Keys made at a time: a call for each frame would cost more than masking it. */
const BATCH = 256;

/** Masking keys that nobody can foresee (RFC 6455 §5.3, §10.3). */
export class MaskKeys {
  readonly #bytes = new Uint8Array(BATCH * MASK_KEY_BYTES);
  #at = this.#bytes.length;

  /** The next key, lent until the next call. */
  next(): Uint8Array {
    if (this.#at === this.#bytes.length) {
      crypto.getRandomValues(this.#bytes);
      this.#at = 0;
    }
    this.#at += MASK_KEY_BYTES;
    return this.#bytes.subarray(this.#at - MASK_KEY_BYTES, this.#at);
  }
}
