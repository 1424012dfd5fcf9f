import assert from "node:assert/strict";
import { SampleSet } from "../../../bench/harness/sample_set.ts";

const SET = new SampleSet([
  { relay: "b", round: 0, us: 30 },
  { relay: "a", round: 0, us: 10 },
  { relay: "a", round: 1, us: 12 },
  { relay: "a", round: 2, us: 11 },
]);

Deno.test("SampleSet tells relays in the order of measuring, and what their rounds say", () => {
  assert.deepEqual(SET.relays, ["b", "a"]);
  assert.equal(SET.median("a", "us"), 11);
  assert.equal(SET.spreadText("a", "us"), "11.0 (10.0–12.0)");
  assert.equal(SET.spreadText("b", "us"), "30.0");
});

Deno.test("SampleSet.median() is NaN of a relay that was not measured", () => {
  assert.ok(Number.isNaN(SET.median("c", "us")));
  assert.throws(() => SET.spread("c", "us"), RangeError);
});
