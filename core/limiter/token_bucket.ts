/**
 * Token bucket: `burst` requests at once after a rest, `requestsPerSecond` in the long run.
 *
 * Kept as the theoretical arrival time of the generic cell rate algorithm (ITU-T I.371): one number, exact at any
 * rate, no refill timer. Invariant: between any two moments at most burst + rate × time requests are admitted.
 */
import { assert } from "../../shared/assert/assert.ts";
import type { RequestRate } from "../auth/principal.ts";

export class TokenBucket {
  readonly #intervalMs: number;
  readonly #toleranceMs: number;
  /** When the bucket will be full again. */
  #fullAt = Number.NEGATIVE_INFINITY;

  constructor(rate: RequestRate) {
    assert(rate.requestsPerSecond > 0 && rate.burst >= 1, "rate must be positive and burst at least 1");
    this.#intervalMs = 1000 / rate.requestsPerSecond;
    this.#toleranceMs = (rate.burst - 1) * this.#intervalMs;
  }

  /** Milliseconds until one request may pass; 0: now. */
  waitMs(now: number): number {
    return Math.max(0, this.#fullAt - this.#toleranceMs - now);
  }

  /** Takes one request's worth; only after `waitMs` said 0. */
  take(now: number): void {
    this.#fullAt = Math.max(this.#fullAt, now) + this.#intervalMs;
  }

  /** True once nothing of the past matters any more: the bucket may be forgotten. */
  isFull(now: number): boolean {
    return this.#fullAt <= now;
  }
}
