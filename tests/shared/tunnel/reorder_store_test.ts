import assert from "node:assert/strict";
import { STREAM_DATA } from "../../../shared/tunnel/frame_type.ts";
import { ReorderStore, storedFrameCost } from "../../../shared/tunnel/reorder_store.ts";

function frame(offset: number, length: number) {
  return { type: STREAM_DATA, offset, bytes: new Uint8Array(length).fill(offset) } as const;
}

Deno.test("ReorderStore.take() gives frames in order, whatever the order they came in", () => {
  const store = new ReorderStore();
  assert.equal(store.add(frame(20, 3)), true);
  assert.equal(store.add(frame(10, 9)), true);
  assert.equal(store.add(frame(24, 1)), true);
  assert.equal(store.add(frame(20, 3)), false);
  assert.equal(store.take(0), null);
  assert.equal(store.take(10)?.bytes[0], 10);
  assert.equal(store.take(20)?.bytes[0], 20);
  assert.equal(store.take(24)?.bytes[0], 24);
  assert.equal(store.frameCount, 0);
});

Deno.test("ReorderStore.add() copies, so that the lender may reuse its buffer", () => {
  const store = new ReorderStore();
  const lent = frame(1, 4);
  store.add(lent);
  lent.bytes.fill(0xff);
  assert.deepEqual(store.take(1)?.bytes, new Uint8Array(4).fill(1));
});

Deno.test("ReorderStore.take() refuses frames that overlap", () => {
  const store = new ReorderStore();
  store.add(frame(5, 4));
  assert.throws(() => store.take(6), { code: "offset" });
});

Deno.test("ReorderStore.add() refuses more frames than it may keep", () => {
  const store = new ReorderStore();
  for (let i = 0; i < 4096; i++) store.add(frame(i + 1, 0));
  assert.throws(() => store.add(frame(5000, 0)), { code: "reorder_overflow" });
});

Deno.test("ReorderStore.clear() returns the cost of what it drops", () => {
  const store = new ReorderStore();
  store.add(frame(1, 10));
  store.add(frame(20, 0));
  assert.equal(store.clear(), storedFrameCost(frame(1, 10)) + storedFrameCost(frame(20, 0)));
  assert.equal(store.frameCount, 0);
});
