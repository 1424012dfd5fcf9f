import assert from "node:assert/strict";
import { EventModeration } from "../../../shared/transport/event_moderation.ts";
import { openLibcSleep } from "../../../shared/transport/libc.ts";

/** A loop whose turns the test runs by hand; sleeping moves its clock. */
function loop() {
  let now = 0;
  const endOfTurn: (() => void)[] = [];
  const rests: number[] = [];
  const moderation = new EventModeration({
    now: () => now,
    sleepMicroseconds(microseconds) {
      rests.push(microseconds);
      now += microseconds / 1000;
    },
    atEndOfTurn: (callback) => void endOfTurn.push(callback),
  });
  /** A turn that lasts `ms` and in which these reads come. */
  const turn = (ms: number, reads: readonly number[]) => {
    for (const bytes of reads) moderation.read(bytes);
    now += ms;
    assert.ok(endOfTurn.length <= 1, "one call at the end of each turn");
    endOfTurn.pop()?.();
  };
  return { moderation, turn, rests, now: () => now };
}

Deno.test("EventModeration never rests while reads are few", () => {
  const { turn, rests } = loop();
  for (let i = 0; i < 200; i++) turn(1, [200]);
  assert.deepEqual(rests, []);
});

Deno.test("EventModeration keeps turns a millisecond apart while small reads are many, and stops when they are few", () => {
  const { turn, rests, moderation, now } = loop();
  for (let i = 0; i < 150; i++) turn(0.2, [200, 200, 200, 200, 200]);
  assert.equal(moderation.isModerated, true);
  rests.length = 0;
  const startedAt = now();
  for (let i = 0; i < 50; i++) turn(0.2, [200, 200, 200, 200, 200]);
  assert.equal(rests.length, 50);
  assert.ok(Math.abs(now() - startedAt - 50) < 1, `50 turns took ${now() - startedAt} ms`);
  for (let i = 0; i < 100; i++) turn(2, [200]);
  assert.equal(moderation.isModerated, false);
  rests.length = 0;
  turn(0.1, [200]);
  assert.deepEqual(rests, []);
});

Deno.test("EventModeration lets turns with large reads and long turns follow each other at once", () => {
  const { turn, rests } = loop();
  for (let i = 0; i < 200; i++) turn(0.1, [200, 200, 200]);
  rests.length = 0;
  turn(0.1, [200, 65_536]);
  turn(1.5, [200]);
  assert.deepEqual(rests, []);
});

Deno.test("openLibcSleep() blocks for at least as long as asked", () => {
  const sleep = openLibcSleep();
  if (Deno.build.os !== "linux") return assert.equal(sleep, null);
  assert.ok(sleep !== null);
  const startedAt = performance.now();
  sleep(2_000);
  assert.ok(performance.now() - startedAt >= 2);
});
