/**
 * Checks one token stream of the benches' origin byte by byte, however it is cut: every byte of an event is known but for
 * the moment in it, and events are numbered, so that no byte can be lost, repeated or changed unseen.
 */
import { MARK, MOMENT_DIGITS, newTokenEvent, TOKEN_EVENT_BYTES } from "../../../bench/origin/token_event.ts";

const TEMPLATE = newTokenEvent();
const STAMP_AT = TEMPLATE.indexOf(MARK) + 1;
const NUMBER_AT = STAMP_AT + MOMENT_DIGITS;
const NUMBER_END = TEMPLATE.indexOf(0x22, NUMBER_AT);
/** How the event begins that the edge puts behind an answer that is cut. */
const ERROR_EVENT = "event: error\n";
const ERROR_START = ERROR_EVENT.charCodeAt(0);
const ZERO = 0x30;
const MAX_ERROR_BYTES = 1000;

export class TokenChecker {
  #tokens = 0;
  /** Within the event that is due. */
  #at = 0;
  #number = 0;
  #problem: string | null = null;
  #error = "";

  /** Tokens that came whole. */
  get tokens(): number {
    return this.#tokens;
  }

  /** What is wrong with the bytes; null: nothing so far. */
  get problem(): string | null {
    return this.#problem;
  }

  /** True between two events. */
  get isBetweenTokens(): boolean {
    return this.#at === 0;
  }

  /** Code of the error event behind the last token; null: there is none, or it is not whole. */
  get errorCode(): string | null {
    if (!this.#error.startsWith(ERROR_EVENT) || !this.#error.endsWith("\n\n")) return null;
    return /"code":"(\w+)"/.exec(this.#error)?.[1] ?? null;
  }

  scan(bytes: Uint8Array): void {
    for (let index = 0; index < bytes.length && this.#problem === null; index++) {
      const byte = bytes[index] ?? 0;
      if (this.#error !== "" || (this.#at === 0 && byte === ERROR_START)) this.#takeError(byte);
      else this.#take(byte);
    }
  }

  #take(byte: number): void {
    const at = this.#at;
    if (at >= STAMP_AT && at < NUMBER_END) {
      if (byte < ZERO || byte > ZERO + 9) return this.#fail("no digit");
      if (at >= NUMBER_AT) this.#number = this.#number * 10 + byte - ZERO;
    } else if (byte !== TEMPLATE[at]) return this.#fail(`byte ${byte}`);
    if (++this.#at < TOKEN_EVENT_BYTES) return;
    if (this.#number !== this.#tokens) return this.#fail(`number ${this.#number}`);
    this.#tokens++;
    this.#at = 0;
    this.#number = 0;
  }

  #takeError(byte: number): void {
    if (this.#error.length >= MAX_ERROR_BYTES) return this.#fail("an error event without end");
    this.#error += String.fromCharCode(byte);
  }

  #fail(what: string): void {
    this.#problem = `${what} at byte ${this.#at} of token ${this.#tokens}`;
  }
}
