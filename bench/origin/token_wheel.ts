/**
 * When each stream sends its next token: a wheel of 1 ms slots, turned by the caller. Every stream keeps to its own
 * beat whatever becomes of the tokens before (an open loop), and the beats of many streams are spread evenly.
 */

export interface WheelEntry {
  readonly intervalMs: number;
  /** Set by the wheel; false: the entry leaves the wheel when its slot comes. */
  isTurning: boolean;
}

const SLOTS = 16_384;
/** Longest interval. */
export const MAX_INTERVAL_MS = SLOTS - 1;
/** The golden ratio's fraction: any number of consecutive multiples lies evenly in an interval. */
const SPREAD = 0.618033988749895;

export class TokenWheel<Entry extends WheelEntry> {
  readonly #slots: Entry[][] = Array.from({ length: SLOTS }, () => []);
  #turnedToMs: number;
  #added = 0;

  constructor(nowMs: number) {
    this.#turnedToMs = Math.floor(nowMs);
  }

  /** The first beat comes within one interval. @throws {RangeError} beyond 1 to 16,383 ms */
  add(entry: Entry): void {
    if (!(entry.intervalMs >= 1 && entry.intervalMs <= MAX_INTERVAL_MS)) {
      throw new RangeError(`an interval of ${entry.intervalMs} ms`);
    }
    entry.isTurning = true;
    const phase = (++this.#added * SPREAD) % 1;
    this.#put(entry, this.#turnedToMs + 1 + Math.floor(phase * entry.intervalMs));
  }

  /** Calls `beat` for every beat up to `nowMs`, in order. */
  turn(nowMs: number, beat: (entry: Entry) => void): void {
    const target = Math.floor(nowMs);
    while (this.#turnedToMs < target) {
      const at = ++this.#turnedToMs;
      const slot = this.#slots[at % SLOTS] ?? [];
      if (slot.length === 0) continue;
      this.#slots[at % SLOTS] = [];
      for (const entry of slot) {
        if (!entry.isTurning) continue;
        this.#put(entry, at + entry.intervalMs);
        beat(entry);
      }
    }
  }

  #put(entry: Entry, atMs: number): void {
    this.#slots[atMs % SLOTS]?.push(entry);
  }
}
