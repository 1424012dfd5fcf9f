import assert from "node:assert/strict";
import { MAX_INTERVAL_MS, TokenWheel } from "../../../bench/origin/token_wheel.ts";

interface Beat {
  readonly intervalMs: number;
  isTurning: boolean;
  readonly times: number[];
}

function beatOf(intervalMs: number): Beat {
  return { intervalMs, isTurning: false, times: [] };
}

Deno.test("TokenWheel.turn() keeps each entry's beat, also across turns that come late", () => {
  const wheel = new TokenWheel<Beat>(1000);
  const entries = [beatOf(3), beatOf(100), beatOf(40.5)];
  for (const entry of entries) wheel.add(entry);
  for (const now of [1000.4, 1003, 1250.7, 1251, 2000]) wheel.turn(now, (entry) => entry.times.push(now));
  for (const { intervalMs, times } of entries) {
    const expected = 1000 / intervalMs;
    assert.ok(
      Math.abs(times.length - expected) <= 1,
      `${times.length} beats of ${intervalMs} ms in a second`,
    );
  }
});

Deno.test("TokenWheel.add() spreads the first beats evenly over the interval", () => {
  const wheel = new TokenWheel<Beat>(0);
  for (let i = 0; i < 500; i++) wheel.add(beatOf(100));
  const perMs: number[] = [];
  for (let ms = 1; ms <= 100; ms++) {
    let beats = 0;
    wheel.turn(ms, () => beats++);
    perMs.push(beats);
  }
  assert.equal(perMs.reduce((sum, beats) => sum + beats, 0), 500);
  assert.ok(Math.max(...perMs) <= 8 && Math.min(...perMs) >= 2, `beats each ms: ${perMs}`);
});

Deno.test("TokenWheel drops an entry that turns no more and tells when the next beat is", () => {
  const wheel = new TokenWheel<Beat>(0);
  const entry = beatOf(10);
  wheel.add(entry);
  const wait = wheel.msUntilNext(50);
  assert.ok(wait > 0 && wait <= 10.1);
  wheel.turn(wait, ({ times }) => times.push(wait));
  assert.equal(entry.times.length, 1);
  entry.isTurning = false;
  wheel.turn(100, ({ times }) => times.push(100));
  assert.equal(entry.times.length, 1);
  assert.equal(wheel.msUntilNext(50), 50);
});

Deno.test("TokenWheel.add() refuses an interval beyond the wheel", () => {
  const wheel = new TokenWheel<Beat>(0);
  assert.throws(() => wheel.add(beatOf(0)), RangeError);
  assert.throws(() => wheel.add(beatOf(MAX_INTERVAL_MS + 1)), RangeError);
  assert.throws(() => wheel.add(beatOf(NaN)), RangeError);
});
