/**
 * Finds the value of the top-level key `model` in a JSON object that arrives in pieces, without building the object:
 * prompts of megabytes stand before it when the client's SDK puts `messages` first.
 *
 * Invariant: each byte is looked at once and only the bytes of the current top-level key or of the model's own value
 * are kept. Whether the rest is valid JSON is the origin's matter. Of duplicate keys the first counts: looking for a
 * second one would mean to read every prompt to its end before routing it.
 */
import { assert } from "../../shared/assert/assert.ts";

export type ModelScan =
  | { readonly state: "searching" }
  | { readonly state: "found"; readonly model: string }
  /** The object ended without a `model`, or the value is not a string, or this is not a JSON object. */
  | { readonly state: "absent" };

/** Longest model name or key that is kept, in bytes; longer ones are not a model's. */
export const MAX_MODEL_BYTES = 256;

const SEARCHING: ModelScan = { state: "searching" };
const ABSENT: ModelScan = { state: "absent" };
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const decoder = new TextDecoder("utf-8", { fatal: true });

export class JsonModelScanner {
  #depth = 0;
  #isInString = false;
  #isEscaped = false;
  /** At depth 1: whether the next string is a key, and whether the value being read is the model's. */
  #expects: "key" | "colon" | "value" = "key";
  #isModelKey = false;
  /** The bytes between the quotes of a string that may matter; null while none is kept. */
  #kept: number[] | null = null;
  #result: ModelScan = SEARCHING;

  /** Reads on; once the answer is not `searching` it stays. */
  receive(bytes: Uint8Array): ModelScan {
    for (let i = 0; i < bytes.length && this.#result === SEARCHING; i++) {
      const byte = bytes[i] ?? 0;
      if (this.#isInString) this.#readInString(byte);
      else this.#readOutside(byte);
    }
    return this.#result;
  }

  /** The body ended. */
  end(): ModelScan {
    if (this.#result === SEARCHING) this.#result = ABSENT;
    return this.#result;
  }

  #readInString(byte: number): void {
    if (this.#isEscaped) this.#isEscaped = false;
    else if (byte === BACKSLASH) this.#isEscaped = true;
    else if (byte === QUOTE) {
      this.#isInString = false;
      if (this.#depth === 1) this.#endTopLevelString();
      return;
    }
    if (this.#kept === null) return;
    if (this.#kept.length < MAX_MODEL_BYTES) this.#kept.push(byte);
    else this.#kept = null;
  }

  #endTopLevelString(): void {
    if (this.#expects === "key") {
      this.#isModelKey = decodeString(this.#kept) === "model";
      this.#expects = "colon";
    } else if (this.#expects === "value" && this.#isModelKey) {
      const model = decodeString(this.#kept);
      this.#result = model === null ? ABSENT : { state: "found", model };
    }
    this.#kept = null;
  }

  #readOutside(byte: number): void {
    switch (byte) {
      case 0x20:
      case 0x09:
      case 0x0a:
      case 0x0d:
        return;
      case QUOTE:
        if (this.#depth === 0) this.#result = ABSENT;
        this.#isInString = true;
        if (this.#depth === 1 && (this.#expects === "key" || this.#isModelKey)) this.#kept = [];
        return;
      case 0x7b: // {
      case 0x5b: // [
        if (this.#depth === 0 ? byte === 0x5b : this.#isModelValue()) this.#result = ABSENT;
        this.#depth++;
        return;
      case 0x7d: // }
      case 0x5d: // ]
        this.#depth--;
        if (this.#depth <= 0) this.#result = ABSENT;
        return;
      case 0x3a: // :
        if (this.#depth === 1) this.#expects = "value";
        return;
      case 0x2c: // ,
        if (this.#depth === 1) this.#expects = "key";
        return;
      default:
        // A number, true, false or null; as the model's value, or outside any object, there is no model.
        if (this.#depth === 0 || this.#isModelValue()) this.#result = ABSENT;
    }
  }

  #isModelValue(): boolean {
    return this.#depth === 1 && this.#expects === "value" && this.#isModelKey;
  }
}

function decodeString(bytes: number[] | null): string | null {
  if (bytes === null) return null;
  assert(bytes.length <= MAX_MODEL_BYTES, "kept string is bounded");
  try {
    const value: unknown = JSON.parse(`"${decoder.decode(Uint8Array.from(bytes))}"`);
    return typeof value === "string" ? value : null;
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError) return null;
    throw error;
  }
}
