import assert from "node:assert/strict";
import { CopyCount, type PathReading } from "../../../shared/tunnel/redundancy.ts";

function loss(lossShare: number | null): PathReading {
  return { lossShare, lateShare: null, hasDatagrams: true };
}

function late(lateShare: number | null): PathReading {
  return { lossShare: null, lateShare, hasDatagrams: false };
}

Deno.test("CopyCount follows the loss up at once", () => {
  const count = new CopyCount("auto");
  assert.equal(count.copies, 0);
  assert.equal(count.update(loss(null), 0), false);
  assert.equal(count.update(loss(0.0029), 0), false);
  assert.equal(count.update(loss(0.003), 1), true);
  assert.equal(count.copies, 2);
  assert.equal(count.update(loss(0.02), 2), true);
  assert.equal(count.copies, 3);
});

Deno.test("CopyCount falls when the loss has been well below its threshold for half a minute", () => {
  const count = new CopyCount("auto");
  count.update(loss(0.03), 0);
  for (let now = 1_000; now <= 100_000; now += 1_000) count.update(loss(0.009), now);
  assert.equal(count.copies, 3, "below the threshold, not well below");
  for (let now = 101_000; now < 131_000; now += 1_000) assert.equal(count.update(loss(0.007), now), false);
  assert.equal(count.update(loss(0.007), 131_000), true);
  assert.equal(count.copies, 2);
  for (let now = 132_000; now < 162_000; now += 1_000) assert.equal(count.update(loss(0), now), false);
  assert.equal(count.update(loss(0), 162_000), true);
  assert.equal(count.copies, 0);
});

Deno.test("CopyCount begins the half minute again when the loss comes back", () => {
  const count = new CopyCount("auto");
  count.update(loss(0.01), 0);
  count.update(loss(0), 1_000);
  count.update(loss(0.002), 20_000);
  count.update(loss(0), 21_000);
  assert.equal(count.update(loss(0), 31_000), false);
  assert.equal(count.update(loss(0), 51_000), true);
});

Deno.test("CopyCount gives one copy over a second stream lane when acknowledgements are late", () => {
  const count = new CopyCount("auto");
  assert.equal(count.update(late(0.019), 0), false);
  assert.equal(count.update(late(0.02), 0), true);
  assert.equal(count.copies, 1);
  assert.equal(count.update(late(0.5), 0), false);
});

Deno.test("CopyCount with always gives two copies over datagrams and one over a stream, more under loss", () => {
  const count = new CopyCount("always");
  assert.equal(count.copies, 2);
  count.update(loss(0.5), 0);
  assert.equal(count.copies, 3);
  for (let now = 1; now < 40_000; now += 1_000) count.update(loss(0), now);
  assert.equal(count.copies, 2);
  for (let now = 40_000; now < 80_000; now += 1_000) count.update(late(0), now);
  assert.equal(count.copies, 1);
});

Deno.test("CopyCount with off gives none whatever is lost", () => {
  const count = new CopyCount("off");
  assert.equal(count.update(loss(1), 0), false);
  assert.equal(count.update(late(1), 0), false);
  assert.equal(count.copies, 0);
});
