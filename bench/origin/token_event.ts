/**
 * One token on the wire: a server-sent event like those of a chat completion, which says when it was sent and the how
 * manieth of its stream it is. Both stand behind a mark that occurs nowhere else in a stream, in fields of fixed width,
 * so that a reader finds them without parsing, however the bytes were cut, merged or mixed with comments on the way.
 */

/** `~` */
export const MARK = 0x7e;
/** Microseconds since 1970 in decimal. */
export const MOMENT_DIGITS = 16;
/** Tokens of the stream before this one, in decimal. */
const NUMBER_DIGITS = 8;
const STAMP_DIGITS = MOMENT_DIGITS + NUMBER_DIGITS;

const EVENT_START =
  'data: {"id":"chatcmpl-0000000000000001","object":"chat.completion.chunk","created":1700000000,' +
  '"model":"lowu-bench","choices":[{"index":0,"delta":{"content":" token"},"logprobs":null,"finish_reason":null}],' +
  '"sent":"~';
const EVENT_END = '"}\n\n';
const ZERO = 0x30;

export const TOKEN_EVENT_BYTES = EVENT_START.length + STAMP_DIGITS + EVENT_END.length;

export interface TokenStamp {
  readonly sentUs: number;
  readonly number: number;
}

/** Microseconds since 1970, on a clock that all processes of a machine share. */
export function momentUs(): number {
  return Math.round((performance.timeOrigin + performance.now()) * 1000);
}

/** An event to be filled in with {@linkcode stampToken}. */
export function newTokenEvent(): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(EVENT_START + "0".repeat(STAMP_DIGITS) + EVENT_END);
}

/** Writes the stamp into an event that begins at `offset`. */
export function stampToken(bytes: Uint8Array, offset: number, { sentUs, number }: TokenStamp): void {
  const momentEnd = offset + EVENT_START.length + MOMENT_DIGITS;
  writeDigits(bytes.subarray(momentEnd - MOMENT_DIGITS, momentEnd), sentUs);
  writeDigits(bytes.subarray(momentEnd, momentEnd + NUMBER_DIGITS), number);
}

function writeDigits(field: Uint8Array, value: number): void {
  let left = value;
  for (let at = field.length - 1; at >= 0; at--) {
    field[at] = ZERO + left % 10;
    left = Math.floor(left / 10);
  }
}

/** Finds the stamps in one stream's bytes, which may be cut anywhere. */
export class TokenScanner {
  /** Digits still to come of a stamp that was cut. */
  #missing = 0;
  #sentUs = 0;
  #number = 0;

  /** Calls `found` with the stamp of each token whose digits end in `bytes`. */
  scan(bytes: Uint8Array, found: (sentUs: number, number: number) => void): void {
    let at = 0;
    for (;;) {
      if (this.#missing === 0) {
        const mark = bytes.indexOf(MARK, at);
        if (mark < 0) return;
        at = mark + 1;
        this.#missing = STAMP_DIGITS;
        this.#sentUs = 0;
        this.#number = 0;
      }
      while (this.#missing > 0 && at < bytes.length) this.#takeDigit((bytes[at++] ?? ZERO) - ZERO);
      if (this.#missing > 0) return;
      found(this.#sentUs, this.#number);
    }
  }

  #takeDigit(digit: number): void {
    if (this.#missing-- > NUMBER_DIGITS) this.#sentUs = this.#sentUs * 10 + digit;
    else this.#number = this.#number * 10 + digit;
  }
}
