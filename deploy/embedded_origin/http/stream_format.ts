/**
 * How a token looks on the wire of one streamed answer: `prefix`, the token's text as JSON, `infix`, and, where the
 * protocol numbers its events, the number and `suffix`. All but the text is made once for each stream, so a token
 * costs a few copies and no JSON work.
 */
export interface StreamFormat {
  /** Events that go out together with the first token. */
  readonly opening: Uint8Array;
  readonly prefix: Uint8Array;
  readonly infix: Uint8Array;
  /** The number of the first token's event; null: events are not numbered and end with `infix`. */
  readonly firstSequenceNumber: number | null;
  readonly suffix: Uint8Array;
  /** Events that follow the last token. */
  closing(): Uint8Array;
}

const encoder = new TextEncoder();
const MAX_DIGITS = 16;

/** Stands for the token's text in the event that a format is cut from. */
export const TOKEN_TEXT = "\u0001token\u0001";
/** Stands for the event's number, as a JSON number. */
export const SEQUENCE_NUMBER = 918_273_645_546;

export function utf8(text: string): Uint8Array {
  return encoder.encode(text);
}

/** One server-sent event without a name. */
export function event(value: unknown): string {
  return `data: ${JSON.stringify(value)}\n\n`;
}

/** One server-sent event named by its `type`. */
export function typedEvent(value: { readonly type: string; readonly [key: string]: unknown }): string {
  return `event: ${value.type}\n${event(value)}`;
}

/** Cuts an event that holds {@linkcode TOKEN_TEXT}, and perhaps {@linkcode SEQUENCE_NUMBER} behind it. */
export function cutEvent(
  text: string,
): { prefix: Uint8Array; infix: Uint8Array; suffix: Uint8Array } {
  const [prefix = "", rest = ""] = text.split(JSON.stringify(TOKEN_TEXT).slice(1, -1));
  const [infix = "", suffix = ""] = rest.split(String(SEQUENCE_NUMBER));
  return { prefix: utf8(prefix), infix: utf8(infix), suffix: utf8(suffix) };
}

/** Writes token events; one for all streams of a process, since what it returns is lent. */
export class TokenWriter {
  #buffer = new Uint8Array(4096);

  /** The event of token `index`, valid until the next call. */
  write(format: StreamFormat, index: number, json: Uint8Array): Uint8Array {
    const opening = index === 0 ? format.opening.length : 0;
    const { prefix, infix, suffix } = format;
    const bound = opening + prefix.length + json.length + infix.length + suffix.length + MAX_DIGITS;
    if (bound > this.#buffer.length) this.#buffer = new Uint8Array(bound * 2);
    const buffer = this.#buffer;
    if (opening > 0) buffer.set(format.opening, 0);
    let at = opening;
    buffer.set(prefix, at);
    at += prefix.length;
    buffer.set(json, at);
    at += json.length;
    buffer.set(infix, at);
    at += infix.length;
    if (format.firstSequenceNumber !== null) {
      const digits = String(format.firstSequenceNumber + index);
      for (let i = 0; i < digits.length; i++) buffer[at++] = digits.charCodeAt(i);
      buffer.set(suffix, at);
      at += suffix.length;
    }
    return buffer.subarray(0, at);
  }
}
