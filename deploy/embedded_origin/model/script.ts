/**
 * What a generation says: known as a whole beforehand, so the tokens can be given one by one without keeping text.
 */
import type { FinishReason } from "../engine/generation.ts";
import { mix } from "./hash.ts";
import { jsonStringBytes, VOCABULARY, VOCABULARY_JSON } from "./vocabulary.ts";

export interface Script {
  /** At least 1. */
  readonly tokenCount: number;
  readonly finishReason: FinishReason;
  textAt(index: number): string;
  /** `textAt(index)` as the inside of a JSON string in UTF-8; not to be written to. */
  jsonAt(index: number): Uint8Array;
}

export interface WordScriptOptions {
  /** Upper bound of the tokens. */
  readonly maxTokens: number;
  /** Lower bound of the length that the model chooses by itself. @default 1 */
  readonly minTokens?: number;
  /** The model never ends by itself: the script has exactly `maxTokens` tokens. @default false */
  readonly ignoreEnd?: boolean;
  /** The text ends before the first occurrence of any of these. @default [] */
  readonly stop?: readonly string[];
}

/** Shortest and longest length in tokens that the model chooses by itself. */
const NATURAL_MIN_TOKENS = 24;
const NATURAL_MAX_TOKENS = 128;
/** Stop strings are looked for in this many tokens from the front. */
const STOP_SEARCH_TOKENS = 65_536;
const EMPTY = new Uint8Array(0);

/** Words that follow from `hash` alone. */
export class WordScript implements Script {
  readonly tokenCount: number;
  readonly finishReason: FinishReason;
  readonly #hash: number;
  /** Where a stop string cuts the last token, in UTF-16 units; null: nowhere. */
  readonly #lastLength: number | null;

  constructor(hash: number, options: WordScriptOptions) {
    this.#hash = hash;
    const natural = NATURAL_MIN_TOKENS + mix(hash, 0x6e61) % (NATURAL_MAX_TOKENS - NATURAL_MIN_TOKENS + 1);
    const chosen = options.ignoreEnd === true ? Infinity : Math.max(natural, options.minTokens ?? 1);
    const count = Math.min(options.maxTokens, chosen);
    const cut = this.#findStop(Math.min(count, STOP_SEARCH_TOKENS), options.stop ?? []);
    this.tokenCount = cut?.tokenCount ?? count;
    this.#lastLength = cut?.lastLength ?? null;
    this.finishReason = cut !== null || chosen <= options.maxTokens ? "stop" : "length";
  }

  textAt(index: number): string {
    const word = this.#wordAt(index);
    return this.#isCut(index) ? word.slice(0, this.#lastLength ?? 0) : word;
  }

  jsonAt(index: number): Uint8Array {
    if (this.#isCut(index)) return jsonStringBytes(this.textAt(index));
    const json = VOCABULARY_JSON[this.#numberAt(index)] ?? EMPTY;
    return index === 0 ? json.subarray(1) : json;
  }

  #isCut(index: number): boolean {
    return this.#lastLength !== null && index === this.tokenCount - 1;
  }

  #numberAt(index: number): number {
    return mix(this.#hash, index) % VOCABULARY.length;
  }

  #wordAt(index: number): string {
    const word = VOCABULARY[this.#numberAt(index)] ?? "";
    return index === 0 ? word.slice(1) : word;
  }

  #findStop(count: number, stops: readonly string[]): { tokenCount: number; lastLength: number } | null {
    const wanted = stops.filter((stop) => stop !== "");
    if (wanted.length === 0) return null;
    let text = "";
    for (let i = 0; i < count; i++) text += this.#wordAt(i);
    const found = wanted.map((stop) => text.indexOf(stop)).filter((at) => at >= 0);
    if (found.length === 0) return null;
    const cutAt = Math.min(...found);
    let startOfWord = 0;
    for (let i = 0; i < count; i++) {
      const length = this.#wordAt(i).length;
      if (startOfWord + length > cutAt) return { tokenCount: i + 1, lastLength: cutAt - startOfWord };
      startOfWord += length;
    }
    return null;
  }
}

/** Characters of a given text that make one token. */
const CHARACTERS_PER_TOKEN = 6;

/** A given text, a few characters a token; cut to `maxTokens`. */
export class TextScript implements Script {
  readonly tokenCount: number;
  readonly finishReason: FinishReason;
  readonly #pieces: string[] = [];

  constructor(text: string, maxTokens: number) {
    const characters = Array.from(text);
    for (let at = 0; at === 0 || at < characters.length; at += CHARACTERS_PER_TOKEN) {
      this.#pieces.push(characters.slice(at, at + CHARACTERS_PER_TOKEN).join(""));
    }
    this.finishReason = this.#pieces.length > maxTokens ? "length" : "stop";
    this.tokenCount = Math.min(this.#pieces.length, maxTokens);
  }

  textAt(index: number): string {
    return this.#pieces[index] ?? "";
  }

  jsonAt(index: number): Uint8Array {
    return jsonStringBytes(this.textAt(index));
  }
}

/** The first `tokens` tokens as one text. */
export function textOf(script: Script, tokens: number = script.tokenCount): string {
  let text = "";
  for (let i = 0; i < tokens; i++) text += script.textAt(i);
  return text;
}
