import assert from "node:assert/strict";
import fc from "fast-check";
import {
  cheapest,
  type Choosable,
  isClearlyBetter,
  isFit,
  laneCostMs,
} from "../../../shared/tunnel/lane_choice.ts";

function lane(
  traits: Partial<Omit<Choosable, "traits" | "isDistrusted">> & {
    isPreferred?: boolean;
    isDistrusted?: boolean;
  },
): Choosable {
  const { isPreferred = true, isDistrusted = false, ...measured } = traits;
  return {
    roundTripMs: 100,
    lossShare: null,
    lateShare: null,
    isStalled: false,
    isLeaving: false,
    lastReceivedAt: 0,
    ...measured,
    traits: { isPreferred },
    isDistrusted: () => isDistrusted,
  };
}

Deno.test("laneCostMs() is the round trip, made longer by what speaks against the lane", () => {
  assert.equal(laneCostMs(lane({}), 0), 100);
  assert.equal(laneCostMs(lane({ lossShare: 0.1 }), 0), 140);
  assert.equal(laneCostMs(lane({ lossShare: 0.9 }), 0), 200, "no loss makes it more than twice as long");
  assert.equal(laneCostMs(lane({ lateShare: 0.1 }), 0), 140, "late acknowledgements stand for loss");
  assert.equal(laneCostMs(lane({ lossShare: 0, lateShare: 0.1 }), 0), 100, "unless loss was measured");
  assert.equal(laneCostMs(lane({ isDistrusted: true }), 0), 300);
  assert.equal(laneCostMs(lane({ isPreferred: false }), 0), 170);
  assert.equal(laneCostMs(lane({ roundTripMs: null }), 0), Infinity);
});

Deno.test("isFit() takes a lane that is not stalled and brought something within two and a half intervals", () => {
  const at = { now: 2_500, pingIntervalMs: 1_000 };
  assert.equal(isFit(lane({}), at), true);
  assert.equal(isFit(lane({}), { ...at, now: 2_501 }), false);
  assert.equal(isFit(lane({ isStalled: true }), at), false);
  assert.equal(isFit(lane({ isLeaving: true }), at), false);
  assert.equal(isFit(lane({ roundTripMs: null }), at), true, "not measured yet is no reason");
});

Deno.test("cheapest() gives the lane with the lowest cost, the earliest of equals, null of none", () => {
  assert.equal(cheapest([], 0), null);
  const lanes = [lane({ roundTripMs: null }), lane({ roundTripMs: 90 }), lane({ roundTripMs: 90 })];
  assert.equal(cheapest(lanes, 0), lanes[1]);
  const unmeasured = [lane({ roundTripMs: null }), lane({ roundTripMs: null })];
  assert.equal(cheapest(unmeasured, 0), unmeasured[0]);
});

Deno.test("isClearlyBetter() asks for a fifth and three milliseconds, so that no two lanes take turns", () => {
  const present = lane({ roundTripMs: 100 });
  assert.equal(isClearlyBetter(lane({ roundTripMs: 77 }), present, 0), false);
  assert.equal(isClearlyBetter(lane({ roundTripMs: 76 }), present, 0), true);
  assert.equal(isClearlyBetter(lane({ roundTripMs: 1 }), lane({ roundTripMs: 4 }), 0), false);
  assert.equal(isClearlyBetter(lane({ isPreferred: false, roundTripMs: 60 }), present, 0), false);
  const measured = fc.record({
    roundTripMs: fc.nat({ max: 1_000 }),
    lossShare: fc.option(fc.double({ min: 0, max: 1, noNaN: true })),
    isPreferred: fc.boolean(),
    isDistrusted: fc.boolean(),
  });
  fc.assert(fc.property(measured, measured, (one, other) => {
    const [left, right] = [lane(one), lane(other)];
    assert.ok(!(isClearlyBetter(left, right, 0) && isClearlyBetter(right, left, 0)));
  }));
});
