import assert from "node:assert/strict";
import { SlidingRate } from "../../../shared/observe/sliding_rate.ts";

Deno.test("SlidingRate tells units a second over its last ten intervals", () => {
  const rate = new SlidingRate();
  assert.equal(rate.perSecond, 0);
  rate.sample(5, 0);
  assert.equal(rate.perSecond, 0);
  rate.sample(15, 2000);
  assert.equal(rate.perSecond, 5);
  for (let second = 3; second <= 20; second++) rate.sample(15, second * 1000);
  assert.equal(rate.perSecond, 0);
});
