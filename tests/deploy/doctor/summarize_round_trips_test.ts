import assert from "node:assert/strict";
import { summarizeRoundTrips } from "../../../deploy/doctor/summarize_round_trips.ts";

Deno.test("summarizeRoundTrips() tells median, p99, jitter and who was late", () => {
  const samples = [...Array<number>(97).fill(40), 41, 85, 130];
  assert.deepEqual(summarizeRoundTrips(samples), {
    sent: 100,
    answered: 100,
    medianMs: 40,
    p99Ms: 85,
    maxMs: 130,
    jitterMs: (1 + 44 + 45) / 99,
    lateShare: 0.02,
  });
});

Deno.test("summarizeRoundTrips() calls nobody late for chance on a short path", () => {
  assert.equal(summarizeRoundTrips([1, 1, 1, 9]).lateShare, 0);
  assert.equal(summarizeRoundTrips([1, 1, 1, 11]).lateShare, 0.25);
});

Deno.test("summarizeRoundTrips() leaves out what was not answered", () => {
  const { sent, answered, medianMs, jitterMs } = summarizeRoundTrips([10, null, 14]);
  assert.deepEqual({ sent, answered, medianMs, jitterMs }, {
    sent: 3,
    answered: 2,
    medianMs: 10,
    jitterMs: 4,
  });
  assert.deepEqual(summarizeRoundTrips([null]), {
    sent: 1,
    answered: 0,
    medianMs: null,
    p99Ms: null,
    maxMs: null,
    jitterMs: null,
    lateShare: null,
  });
});
