import assert from "node:assert/strict";
import { LatencyWindow } from "../../../shared/observe/latency_window.ts";

Deno.test("LatencyWindow gives nearest ranks of the last minute", () => {
  const window = new LatencyWindow();
  assert.deepEqual(window.quantiles([0.5], 0), [NaN]);
  for (let i = 100; i >= 1; i--) window.record(i, 1000);
  assert.deepEqual(window.quantiles([0, 0.5, 0.95, 0.99, 1], 1000), [1, 50, 95, 99, 100]);
  window.record(7, 50_000);
  assert.deepEqual(window.quantiles([0.5], 70_000), [7]);
});

Deno.test("LatencyWindow keeps the last 4096 values", () => {
  const window = new LatencyWindow();
  for (let i = 1; i <= 5000; i++) window.record(i, 0);
  assert.deepEqual(window.quantiles([0, 1], 0), [905, 5000]);
});
