import assert from "node:assert/strict";
import { StreamScheduler } from "../../../shared/tunnel/stream_scheduler.ts";

function stream(name: string, heldBytes: number) {
  return { name, sender: { heldBytes } };
}

Deno.test("StreamScheduler.next() takes streams that hold little first, in turn", () => {
  const scheduler = new StreamScheduler<ReturnType<typeof stream>>();
  const bulk = stream("bulk", 100_000);
  const first = stream("first", 200);
  const second = stream("second", 4096);
  for (const one of [bulk, first, second, first]) scheduler.add(one);
  assert.equal(scheduler.size, 3);
  assert.equal(scheduler.next(), first);
  scheduler.add(first);
  assert.equal(scheduler.next(), second);
  assert.equal(scheduler.next(), first);
  assert.equal(scheduler.next(), bulk);
  assert.equal(scheduler.next(), null);
});

Deno.test("StreamScheduler.next() gives bulk a turn after sixteen small ones", () => {
  const scheduler = new StreamScheduler<ReturnType<typeof stream>>();
  const bulk = stream("bulk", 100_000);
  const small = stream("small", 1);
  scheduler.add(bulk);
  for (let turn = 0; turn < 16; turn++) {
    scheduler.add(small);
    assert.equal(scheduler.next(), small);
  }
  scheduler.add(small);
  assert.equal(scheduler.next(), bulk);
  assert.equal(scheduler.next(), small);
});

Deno.test("StreamScheduler.isFreeFor() lets a small piece pass bulk and nothing pass small ones", () => {
  const scheduler = new StreamScheduler<ReturnType<typeof stream>>();
  assert.equal(scheduler.isFreeFor(100_000), true);
  const bulk = stream("bulk", 100_000);
  scheduler.add(bulk);
  assert.equal(scheduler.isFreeFor(100), true);
  assert.equal(scheduler.isFreeFor(100_000), false);
  scheduler.add(stream("small", 1));
  assert.equal(scheduler.isFreeFor(100), false);
  scheduler.remove(bulk);
  assert.equal(scheduler.size, 1);
});
