import assert from "node:assert/strict";
import { alternated, median, spreadOf } from "../../../bench/harness/statistics.ts";

Deno.test("median() is the middle value, or the mean of the two middle ones", () => {
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(median([4, 1, 3, 2]), 2.5);
  assert.equal(median([10, 9]), 9.5);
  assert.throws(() => median([]), RangeError);
});

Deno.test("spreadOf() tells median, extremes and how many", () => {
  assert.deepEqual(spreadOf([5, 1, 9]), { median: 5, min: 1, max: 9, rounds: 3 });
});

Deno.test("alternated() turns the order in every other round and leaves the list alone", () => {
  const items = ["a", "b", "c"];
  assert.deepEqual(alternated(items, 0), ["a", "b", "c"]);
  assert.deepEqual(alternated(items, 1), ["c", "b", "a"]);
  assert.deepEqual(items, ["a", "b", "c"]);
});
