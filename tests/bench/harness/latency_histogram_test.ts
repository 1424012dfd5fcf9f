import assert from "node:assert/strict";
import fc from "fast-check";
import { LatencyHistogram } from "../../../bench/harness/latency_histogram.ts";

const DURATIONS_US = fc.array(fc.integer({ min: 0, max: 100_000_000 }), { minLength: 1, maxLength: 300 });

/** The exact percentile, for comparison. */
function percentileUs(durations: readonly number[], share: number): number {
  const sorted = durations.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? NaN;
}

Deno.test("LatencyHistogram.percentileMs() is never below the exact value and at most 1/64 above it", () => {
  fc.assert(
    fc.property(DURATIONS_US, fc.constantFrom(0, 0.1, 0.5, 0.9, 0.99, 0.999, 1), (durations, share) => {
      const histogram = new LatencyHistogram();
      for (const duration of durations) histogram.recordUs(duration);
      const exact = percentileUs(durations, share) / 1000;
      const told = histogram.percentileMs(share);
      assert.ok(told >= exact - 1e-9, `${told} is below ${exact}`);
      assert.ok(told <= exact * (1 + 1 / 64) + 1e-9, `${told} is far above ${exact}`);
    }),
    { numRuns: 200 },
  );
});

Deno.test("LatencyHistogram.fromRecord() and merge() give what one histogram would have", () => {
  fc.assert(
    fc.property(DURATIONS_US, DURATIONS_US, (some, others) => {
      const merged = new LatencyHistogram();
      const whole = new LatencyHistogram();
      for (const durations of [some, others]) {
        const part = new LatencyHistogram();
        for (const duration of durations) part.recordUs(duration);
        for (const duration of durations) whole.recordUs(duration);
        merged.merge(LatencyHistogram.fromRecord(JSON.parse(JSON.stringify(part.toRecord()))));
      }
      assert.deepEqual(merged.toRecord(), whole.toRecord());
      assert.equal(merged.count, some.length + others.length);
      assert.equal(merged.maxMs, Math.max(...some, ...others) / 1000);
    }),
    { numRuns: 50 },
  );
});

Deno.test("LatencyHistogram tells NaN of nothing and takes a negative duration for none", () => {
  const histogram = new LatencyHistogram();
  assert.ok(Number.isNaN(histogram.percentileMs(0.5)));
  assert.ok(Number.isNaN(histogram.maxMs));
  histogram.recordUs(-3);
  assert.equal(histogram.percentileMs(1), 0);
});
