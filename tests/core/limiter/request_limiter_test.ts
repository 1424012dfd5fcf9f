import assert from "node:assert/strict";
import fc from "fast-check";
import type { Principal } from "../../../core/auth/principal.ts";
import { RequestLimiter } from "../../../core/limiter/request_limiter.ts";
import { TokenBucket } from "../../../core/limiter/token_bucket.ts";

Deno.test("TokenBucket agrees with a bucket that is refilled by hand", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 50 }),
      fc.integer({ min: 1, max: 20 }),
      fc.array(fc.nat(400), { maxLength: 200 }),
      (requestsPerSecond, burst, gapsMs) => {
        const bucket = new TokenBucket({ requestsPerSecond, burst });
        let tokens = burst;
        let now = 0;
        for (const gapMs of gapsMs) {
          now += gapMs;
          tokens = Math.min(burst, tokens + (gapMs * requestsPerSecond) / 1000);
          if (Math.abs(tokens - 1) < 1e-6) continue;
          const isAdmitted = bucket.waitMs(now) === 0;
          assert.equal(isAdmitted, tokens >= 1, `at ${now} ms with ${tokens} tokens`);
          if (!isAdmitted) {
            const expectedMs = ((1 - tokens) * 1000) / requestsPerSecond;
            assert.ok(Math.abs(bucket.waitMs(now) - expectedMs) < 1e-6);
            continue;
          }
          bucket.take(now);
          tokens -= 1;
        }
      },
    ),
    { numRuns: 300 },
  );
});

function principal(name: string, requestsPerSecond?: number): Principal {
  return { name, requestRate: requestsPerSecond === undefined ? null : { requestsPerSecond, burst: 1 } };
}

Deno.test("RequestLimiter holds each key to its own rate and all keys to the overall one", () => {
  const limiter = new RequestLimiter({
    overall: { requestsPerSecond: 10, burst: 3 },
    perKey: { requestsPerSecond: 1, burst: 2 },
  });
  const a = principal("a");
  assert.deepEqual([limiter.admit(a, 0), limiter.admit(a, 0)].map((x) => x.admitted), [true, true]);
  assert.deepEqual(limiter.admit(a, 0), { admitted: false, scope: "key", retryAfterMs: 1000 });
  assert.equal(limiter.admit(principal("b"), 0).admitted, true);
  assert.deepEqual(limiter.admit(principal("c"), 0), {
    admitted: false,
    scope: "overall",
    retryAfterMs: 100,
  });
});

Deno.test("RequestLimiter charges nobody for a refused request", () => {
  const limiter = new RequestLimiter({
    overall: { requestsPerSecond: 1, burst: 1 },
    perKey: { requestsPerSecond: 1, burst: 1 },
  });
  assert.equal(limiter.admit(principal("a"), 0).admitted, true);
  for (let i = 0; i < 50; i++) assert.equal(limiter.admit(principal("b"), 500).admitted, false);
  assert.equal(limiter.admit(principal("b"), 1000).admitted, true);
});

Deno.test("RequestLimiter prefers a key's own rate to the default", () => {
  const limiter = new RequestLimiter({ overall: null, perKey: { requestsPerSecond: 1, burst: 1 } });
  const fast = principal("fast", 1000);
  limiter.admit(fast, 0);
  assert.equal(limiter.admit(fast, 1).admitted, true);
});
