/**
 * The share of a lane's acknowledgements that come late: the only sign of loss that a stream transport lets through. One
 * position at a time is timed, from its sending to the acknowledgement that covers it.
 */
const MEMORY_SAMPLES = 100;
const SMALLEST_SAMPLE = 20;
/** An acknowledgement is late beyond this many round trips and this much besides. */
const LATE_ROUND_TRIPS = 1.5;
const LATE_BEYOND_MS = 10;

export class Lateness {
  readonly #ackDelayMs: number;
  #mark: { readonly sentBytes: number; readonly at: number } | null = null;
  #shortestMs = Infinity;
  /** Decayed sums. */
  #samples = 0;
  #late = 0;

  constructor(options: { ackDelayMs: number }) {
    this.#ackDelayMs = options.ackDelayMs;
  }

  /** 0 to 1; null while too few came. */
  get share(): number | null {
    return this.#samples < SMALLEST_SAMPLE ? null : this.#late / this.#samples;
  }

  /** The lane has now sent so many bytes from its start. */
  sent(sentBytes: number, now: number): void {
    this.#mark ??= { sentBytes, at: now };
  }

  acknowledged(receivedBytes: number, now: number): void {
    const mark = this.#mark;
    if (mark === null || receivedBytes < mark.sentBytes) return;
    this.#mark = null;
    const sampleMs = now - mark.at;
    this.#shortestMs = Math.min(this.#shortestMs, sampleMs);
    const isLate = sampleMs > LATE_ROUND_TRIPS * this.#shortestMs + this.#ackDelayMs + LATE_BEYOND_MS;
    const kept = 1 - 1 / MEMORY_SAMPLES;
    this.#samples = this.#samples * kept + 1;
    this.#late = this.#late * kept + (isLate ? 1 : 0);
  }
}
