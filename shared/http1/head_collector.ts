/**
 * Finds where a head or a trailer section ends, over any number of pieces.
 *
 * Invariant: every byte is looked at once for its line end, and copied at most once but for the doubling of the
 * buffer, so a head that comes byte by byte costs as much as one that comes whole. A head that lies in one piece is
 * not copied at all. Line ends are CRLF only (RFC 9112 §2.2 lets a recipient take a bare LF: that is where two parsers
 * disagree, so it is refused). A bare CR shows up in the parser, as a control character.
 */
import { Http1Violation } from "./http1_violation.ts";

const LF = 0x0a;
const CR = 0x0d;
const NOTHING = new Uint8Array(0);
const FIRST_HELD_BYTES = 512;

export interface HeadCollectorOptions {
  maxBytes: number;
  /** An empty first line: the end of an empty section, skipped once, or refused. */
  emptyFirstLine: "ends" | "skipped_once" | "refused";
}

export class HeadCollector {
  readonly #options: HeadCollectorOptions;
  #held = NOTHING;
  #heldLength = 0;
  /** Bytes of the current line that are held. */
  #lineBytes = 0;
  #isFirstLine = true;
  #hasSkippedLine = false;
  #head: Uint8Array | null = null;

  constructor(options: HeadCollectorOptions) {
    this.#options = options;
  }

  /** The section with its last, empty line, once complete. It may be a view of the last piece: use it at once. */
  get head(): Uint8Array | null {
    return this.#head;
  }

  /** Bytes of an unfinished section have come. */
  get isStarted(): boolean {
    return this.#heldLength > 0 || this.#hasSkippedLine;
  }

  get heldBytes(): number {
    return this.#held.length;
  }

  reset(): void {
    this.#held = NOTHING;
    this.#heldLength = 0;
    this.#lineBytes = 0;
    this.#isFirstLine = true;
    this.#hasSkippedLine = false;
    this.#head = null;
  }

  /**
   * Takes bytes from `at` on and returns the offset behind the last one taken; then `head` is set or the piece is used up.
   * @throws {Http1Violation}
   */
  collect(piece: Uint8Array, at: number): number {
    let start = at;
    let lineStart = at - this.#lineBytes;
    for (let end = piece.indexOf(LF, at); end >= 0; end = piece.indexOf(LF, lineStart)) {
      this.#checkSize(end + 1 - start);
      const before = end > start ? piece[end - 1] : this.#held[this.#heldLength - 1];
      if (before !== CR || end === lineStart) throw new Http1Violation("line feed without carriage return");
      const isEmpty = end - lineStart === 1;
      lineStart = end + 1;
      if (isEmpty && this.#isFirstLine && this.#options.emptyFirstLine !== "ends") {
        this.#skipLine();
        start = lineStart;
        continue;
      }
      this.#isFirstLine = false;
      if (!isEmpty) continue;
      this.#complete(piece.subarray(start, lineStart));
      return lineStart;
    }
    this.#checkSize(piece.length - start);
    this.#hold(piece.subarray(start));
    this.#lineBytes = piece.length - lineStart;
    return piece.length;
  }

  #skipLine(): void {
    if (this.#hasSkippedLine || this.#options.emptyFirstLine === "refused") {
      throw new Http1Violation("empty line before the start line");
    }
    this.#hasSkippedLine = true;
    this.#heldLength = 0;
  }

  #checkSize(newBytes: number): void {
    if (this.#heldLength + newBytes > this.#options.maxBytes) {
      throw new Http1Violation("the head is larger than the limit", "too_large");
    }
  }

  #complete(last: Uint8Array): void {
    if (this.#heldLength === 0) {
      this.#head = last;
      return;
    }
    this.#hold(last);
    this.#head = this.#held.subarray(0, this.#heldLength);
  }

  #hold(bytes: Uint8Array): void {
    const length = this.#heldLength + bytes.length;
    if (length > this.#held.length) {
      const doubled = Math.max(FIRST_HELD_BYTES, this.#held.length * 2, length);
      const grown = new Uint8Array(Math.max(length, Math.min(doubled, this.#options.maxBytes)));
      grown.set(this.#held.subarray(0, this.#heldLength));
      this.#held = grown;
    }
    this.#held.set(bytes, this.#heldLength);
    this.#heldLength = length;
  }
}
