import { hashText } from "./hash.ts";

/** What the imitated model takes from a prompt. */
export interface Prompt {
  readonly hash: number;
  /** Estimate: a quarter of the UTF-8 bytes, at least 1. */
  readonly tokens: number;
}

/** Reads a prompt of any JSON shape (messages, text, token numbers). */
export function readPrompt(value: unknown, seed: number): Prompt {
  const text = typeof value === "string" ? value : JSON.stringify(value) ?? "";
  return { hash: hashText(text, seed), tokens: Math.max(1, Math.ceil(utf8Length(text) / 4)) };
}

/** Bytes of `text` in UTF-8. */
export function utf8Length(text: string): number {
  let bytes = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit >= 0x80) bytes += unit < 0x800 || (unit >= 0xd800 && unit < 0xe000) ? 1 : 2;
  }
  return bytes;
}
