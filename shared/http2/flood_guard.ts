/**
 * Budgets for what costs a peer next to nothing and us something (CVE-2023-44487, CVE-2025-8671, CVE-2019-9511 to 9518).
 *
 * Two token buckets. Resets count in both directions, since a peer can make us reset. Control frames are priced by
 * the work they cause; DATA that we send earns credit, because honest receivers answer it with WINDOW_UPDATE and PING.
 * An empty bucket ends the connection with ENHANCE_YOUR_CALM.
 */
import { floodError } from "./http2_error.ts";
import type { Http2Limits } from "./http2_limits.ts";

export const CONTROL_PRICE = {
  /** Changes windows of all streams and is answered. */
  settings: 10,
  ping: 5,
  emptyData: 5,
  informational: 5,
  /** Frames on streams that are closed or not taken any more. */
  stale: 2,
  priority: 1,
  windowUpdate: 1,
  unknown: 1,
} as const;

/** Earned by each DATA frame sent: one WINDOW_UPDATE for the stream, one for the connection. */
const EARNED_PER_DATA_FRAME = 2;

class TokenBucket {
  readonly #burst: number;
  readonly #perMs: number;
  #tokens: number;
  #at: number;

  constructor(options: { burst: number; perSecond: number; now: number }) {
    this.#burst = options.burst;
    this.#perMs = options.perSecond / 1000;
    this.#tokens = options.burst;
    this.#at = options.now;
  }

  earn(tokens: number): void {
    this.#tokens = Math.min(this.#burst, this.#tokens + tokens);
  }

  /** @returns false if there are not so many */
  spend(tokens: number, now: number): boolean {
    if (now > this.#at) {
      this.earn((now - this.#at) * this.#perMs);
      this.#at = now;
    }
    if (this.#tokens < tokens) return false;
    this.#tokens -= tokens;
    return true;
  }
}

export class FloodGuard {
  readonly #resets: TokenBucket;
  readonly #control: TokenBucket;

  constructor(limits: Http2Limits, now: number) {
    this.#resets = new TokenBucket({ burst: limits.resetBurst, perSecond: limits.resetsPerSecond, now });
    this.#control = new TokenBucket({ burst: limits.controlBurst, perSecond: limits.controlPerSecond, now });
  }

  /** The peer reset a stream or made us reset one. */
  reset(now: number): void {
    if (!this.#resets.spend(1, now)) throw floodError("too many resets");
  }

  control(kind: keyof typeof CONTROL_PRICE, now: number): void {
    if (!this.#control.spend(CONTROL_PRICE[kind], now)) throw floodError(`too many control frames: ${kind}`);
  }

  dataSent(): void {
    this.#control.earn(EARNED_PER_DATA_FRAME);
  }
}
