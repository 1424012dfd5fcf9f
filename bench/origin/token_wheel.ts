/**
 * When each stream sends its next token: a wheel of 0.1 ms slots, turned by the caller. Every stream keeps to its own
 * beat whatever becomes of the tokens before (an open loop), and the beats of many streams are spread evenly.
 */

export interface WheelEntry {
  readonly intervalMs: number;
  /** Set by the wheel; false: the entry leaves the wheel when its slot comes. */
  isTurning: boolean;
}

const SLOTS_PER_MS = 10;
const SLOTS = 1 << 18;
/** Longest interval. */
export const MAX_INTERVAL_MS = Math.floor((SLOTS - 1) / SLOTS_PER_MS);
/** The golden ratio's fraction: any number of consecutive multiples lies evenly in an interval. */
const SPREAD = 0.618033988749895;

export class TokenWheel<Entry extends WheelEntry> {
  readonly #slots: (Entry[] | undefined)[] = new Array(SLOTS);
  /** In slots since the clock's zero. */
  #turnedTo: number;
  #added = 0;

  constructor(nowMs: number) {
    this.#turnedTo = Math.floor(nowMs * SLOTS_PER_MS);
  }

  /** The first beat comes within one interval. @throws {RangeError} outside of 1 to `MAX_INTERVAL_MS` */
  add(entry: Entry): void {
    if (!(entry.intervalMs >= 1 && entry.intervalMs <= MAX_INTERVAL_MS)) {
      throw new RangeError(`an interval of ${entry.intervalMs} ms`);
    }
    entry.isTurning = true;
    const phase = (++this.#added * SPREAD) % 1;
    this.#put(entry, this.#turnedTo + 1 + Math.floor(phase * entry.intervalMs * SLOTS_PER_MS));
  }

  /** Calls `beat` for every beat up to `nowMs`, in order. */
  turn(nowMs: number, beat: (entry: Entry) => void): void {
    const target = Math.floor(nowMs * SLOTS_PER_MS);
    while (this.#turnedTo < target) {
      const at = ++this.#turnedTo;
      const slot = this.#slots[at % SLOTS];
      if (slot === undefined) continue;
      this.#slots[at % SLOTS] = undefined;
      for (const entry of slot) {
        if (!entry.isTurning) continue;
        this.#put(entry, at + Math.round(entry.intervalMs * SLOTS_PER_MS));
        beat(entry);
      }
    }
  }

  /** From the moment turned to until the next slot with a beat; `atMost` if there is none before. */
  msUntilNext(atMost: number): number {
    const slots = atMost * SLOTS_PER_MS;
    for (let ahead = 1; ahead < slots; ahead++) {
      if (this.#slots[(this.#turnedTo + ahead) % SLOTS] !== undefined) return ahead / SLOTS_PER_MS;
    }
    return atMost;
  }

  #put(entry: Entry, at: number): void {
    const slot = this.#slots[at % SLOTS];
    if (slot === undefined) this.#slots[at % SLOTS] = [entry];
    else slot.push(entry);
  }
}
