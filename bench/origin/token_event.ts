/**
 * One token on the wire: a server-sent event like those of a chat completion, which says when it was sent. The moment
 * stands behind a mark that occurs nowhere else in a stream, in a field of fixed width, so that a reader finds it
 * without parsing, however the bytes were cut, merged or mixed with comments on the way.
 */

/** `~` */
export const MARK = 0x7e;
/** Microseconds since 1970 in decimal. */
export const MOMENT_DIGITS = 16;

const EVENT_START =
  'data: {"id":"chatcmpl-0000000000000001","object":"chat.completion.chunk","created":1700000000,' +
  '"model":"lowu-bench","choices":[{"index":0,"delta":{"content":" token"},"logprobs":null,"finish_reason":null}],' +
  '"sent":"~';
const EVENT_END = '"}\n\n';
const ZERO = 0x30;

export const TOKEN_EVENT_BYTES = EVENT_START.length + MOMENT_DIGITS + EVENT_END.length;

/** Microseconds since 1970, on a clock that all processes of a machine share. */
export function momentUs(): number {
  return Math.round((performance.timeOrigin + performance.now()) * 1000);
}

/** An event to be filled in with {@linkcode stampToken}. */
export function newTokenEvent(): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(EVENT_START + "0".repeat(MOMENT_DIGITS) + EVENT_END);
}

/** Writes the moment into an event that begins at `offset`. */
export function stampToken(bytes: Uint8Array, offset: number, sentUs: number): void {
  let left = sentUs;
  for (let at = offset + EVENT_START.length + MOMENT_DIGITS - 1; left > 0; at--) {
    bytes[at] = ZERO + left % 10;
    left = Math.floor(left / 10);
  }
}

/** Finds the moments in one stream's bytes, which may be cut anywhere. */
export class TokenScanner {
  /** Digits still to come of a moment that was cut. */
  #missing = 0;
  #momentUs = 0;

  /** Calls `found` with the moment of each token whose digits end in `bytes`. */
  scan(bytes: Uint8Array, found: (sentUs: number) => void): void {
    let at = 0;
    for (;;) {
      if (this.#missing === 0) {
        const mark = bytes.indexOf(MARK, at);
        if (mark < 0) return;
        at = mark + 1;
        this.#missing = MOMENT_DIGITS;
        this.#momentUs = 0;
      }
      while (this.#missing > 0 && at < bytes.length) {
        this.#momentUs = this.#momentUs * 10 + (bytes[at++] ?? ZERO) - ZERO;
        this.#missing--;
      }
      if (this.#missing > 0) return;
      found(this.#momentUs);
    }
  }
}
