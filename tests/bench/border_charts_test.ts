import assert from "node:assert/strict";
import { borderCharts } from "../../bench/border_charts.ts";
import type { BenchResult } from "../../bench/harness/bench_result.ts";

function resultOf(samples: BenchResult["samples"], isSmall = false): BenchResult {
  return {
    bench: "border",
    measuredAt: "2026-11-21T10:00:00.000Z",
    isSmall,
    environment: { kernel: "", cpu: "", cores: 2, deno: "", tcpCongestionControl: "bbr", loadBefore: 0 },
    relays: [],
    notRun: [],
    failed: [],
    parameters: {},
    tables: [],
    samples,
  };
}

const SAMPLES = [0, 3].flatMap((lossPercent) =>
  [10, 40, 20].map((p99Ms, round) => ({ relay: "nginx", jitter: "none", lossPercent, round, p99Ms }))
);

Deno.test("borderCharts() draws one chart for each kind of jitter that was measured", () => {
  const kept = SAMPLES.map((sample) => ({ ...sample, jitter: "kept" }));
  assert.deepEqual(borderCharts(resultOf(SAMPLES)).map(({ fileName }) => fileName), ["border-p99.svg"]);
  const both = borderCharts(resultOf([...SAMPLES, ...kept]));
  assert.deepEqual(both.map(({ fileName }) => fileName), ["border-p99.svg", "border-p99-jitter.svg"]);
});

Deno.test("borderCharts() draws the median of the rounds", () => {
  const middle = SAMPLES.filter(({ p99Ms }) => p99Ms === 20);
  assert.equal(borderCharts(resultOf(SAMPLES))[0]?.svg, borderCharts(resultOf(middle))[0]?.svg);
});

Deno.test("borderCharts() draws nothing of small runs and of a single loss", () => {
  assert.deepEqual(borderCharts(resultOf(SAMPLES, true)), []);
  assert.deepEqual(borderCharts(resultOf(SAMPLES.filter(({ lossPercent }) => lossPercent === 3))), []);
});
