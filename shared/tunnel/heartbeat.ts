/** When a lane pings, and the round trip it measures thereby: smoothed like RFC 6298 §2, without the variance. */

/** PINGs that may be on the way; the answer to an older one still shows life, it only measures nothing. */
const REMEMBERED_PINGS = 8;
const SMOOTHING = 1 / 8;

export class Heartbeat {
  readonly #intervalMs: number;
  #dueAt: number;
  #lastToken = 0;
  /** Times of the last PINGs, by token modulo the length. */
  readonly #sentAt: number[] = new Array(REMEMBERED_PINGS).fill(0);
  #roundTripMs: number | null = null;

  constructor(options: { intervalMs: number; now: number }) {
    this.#intervalMs = options.intervalMs;
    this.#dueAt = options.now;
  }

  get dueAt(): number {
    return this.#dueAt;
  }

  get roundTripMs(): number | null {
    return this.#roundTripMs;
  }

  /** The token of the PING that goes out now. */
  ping(now: number): number {
    this.#dueAt = now + this.#intervalMs;
    this.#lastToken++;
    this.#sentAt[this.#lastToken % REMEMBERED_PINGS] = now;
    return this.#lastToken;
  }

  pong(token: number, now: number): void {
    if (token < 1 || token > this.#lastToken || token <= this.#lastToken - REMEMBERED_PINGS) return;
    const sampleMs = Math.max(0, now - (this.#sentAt[token % REMEMBERED_PINGS] ?? now));
    const smoothed = this.#roundTripMs;
    this.#roundTripMs = smoothed === null ? sampleMs : smoothed + (sampleMs - smoothed) * SMOOTHING;
  }
}
