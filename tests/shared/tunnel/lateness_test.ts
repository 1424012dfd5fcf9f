import assert from "node:assert/strict";
import { Lateness } from "../../../shared/tunnel/lateness.ts";

/** One position is sent and acknowledged `afterMs` later, `count` times. */
function acknowledge(lateness: Lateness, { afterMs, count }: { afterMs: number; count: number }): void {
  for (let i = 0; i < count; i++) {
    lateness.sent(1, 0);
    lateness.acknowledged(1, afterMs);
  }
}

Deno.test("Lateness.share is null until enough acknowledgements came", () => {
  const lateness = new Lateness({ ackDelayMs: 20 });
  acknowledge(lateness, { afterMs: 30, count: 19 });
  assert.equal(lateness.share, null);
  acknowledge(lateness, { afterMs: 30, count: 10 });
  assert.equal(lateness.share, 0);
});

Deno.test("Lateness.share counts acknowledgements beyond one and a half of the shortest round trips and the delay", () => {
  const lateness = new Lateness({ ackDelayMs: 20 });
  acknowledge(lateness, { afterMs: 40, count: 50 });
  acknowledge(lateness, { afterMs: 90, count: 50 });
  assert.equal(lateness.share, 0);
  acknowledge(lateness, { afterMs: 91, count: 50 });
  const share = lateness.share ?? 0;
  assert.ok(share > 0.4 && share < 0.6, `${share}`);
  acknowledge(lateness, { afterMs: 40, count: 500 });
  assert.ok((lateness.share ?? 1) < 0.02);
});

Deno.test("Lateness times one position at a time, from its sending to the acknowledgement that covers it", () => {
  const lateness = new Lateness({ ackDelayMs: 20 });
  acknowledge(lateness, { afterMs: 10, count: 40 });
  lateness.sent(100, 0);
  lateness.sent(200, 1_000);
  lateness.acknowledged(99, 1_000);
  assert.equal(lateness.share, 0, "not covered yet");
  lateness.acknowledged(100, 1_001);
  assert.ok((lateness.share ?? 0) > 0, "the first was late, though the second is not yet there");
  const share = lateness.share;
  lateness.acknowledged(200, 5_000);
  assert.equal(lateness.share, share, "what was not timed counts for nothing");
});
