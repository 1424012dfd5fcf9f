import type { Principal, RequestRate } from "../auth/principal.ts";
import { TokenBucket } from "./token_bucket.ts";

/** What a limiter says about one request. */
export type Admission = { readonly admitted: true } | {
  readonly admitted: false;
  readonly scope: "overall" | "key";
  /** Until the same request could pass, were nobody else to come first. */
  readonly retryAfterMs: number;
};

/** Decides whether a principal's request may go on now. */
export interface Limiter {
  admit(principal: Principal, now: number): Admission;
}

export interface RequestLimiterOptions {
  /** Over all principals; null: unlimited. */
  readonly overall: RequestRate | null;
  /** For each principal that has no rate of its own; null: unlimited. */
  readonly perKey: RequestRate | null;
}

const ADMITTED: Admission = { admitted: true };

/**
 * Token buckets in this process's memory: one overall, one for each principal. All must have room before any is
 * charged, so a refused request costs nobody anything.
 */
export class RequestLimiter implements Limiter {
  readonly #options: RequestLimiterOptions;
  readonly #overall: TokenBucket | null;
  /** By principal name: bounded by the configured keys. */
  readonly #byPrincipal = new Map<string, TokenBucket>();

  constructor(options: RequestLimiterOptions) {
    this.#options = options;
    this.#overall = options.overall === null ? null : new TokenBucket(options.overall);
  }

  admit(principal: Principal, now: number): Admission {
    const own = this.#bucketOf(principal);
    const ownWaitMs = own?.waitMs(now) ?? 0;
    if (ownWaitMs > 0) return { admitted: false, scope: "key", retryAfterMs: ownWaitMs };
    const overallWaitMs = this.#overall?.waitMs(now) ?? 0;
    if (overallWaitMs > 0) return { admitted: false, scope: "overall", retryAfterMs: overallWaitMs };
    own?.take(now);
    this.#overall?.take(now);
    return ADMITTED;
  }

  #bucketOf(principal: Principal): TokenBucket | null {
    const rate = principal.requestRate ?? this.#options.perKey;
    if (rate === null) return null;
    let bucket = this.#byPrincipal.get(principal.name);
    if (bucket === undefined) {
      bucket = new TokenBucket(rate);
      this.#byPrincipal.set(principal.name, bucket);
    }
    return bucket;
  }
}
