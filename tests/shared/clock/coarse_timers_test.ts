import assert from "node:assert/strict";
import { CoarseTimers } from "../../../shared/clock/coarse_timers.ts";

Deno.test("CoarseTimers fire once each, in the order of their times, never early, and not when taken back", async () => {
  const timers = new CoarseTimers(() => performance.now());
  const startedAt = performance.now();
  const fired: [name: string, afterMs: number][] = [];
  const done = new Promise<void>((resolve) => {
    const note = (name: string) => () => {
      fired.push([name, performance.now() - startedAt]);
      if (name === "last") resolve();
    };
    timers.after(600, note("last"));
    timers.after(300, note("second"));
    timers.after(10, note("first"));
    timers.after(10, note("first too"));
    timers.after(20, note("never"))();
  });
  // The timers alone do not keep a process alive.
  const keepAlive = setInterval(() => {}, 1000);
  await done;
  clearInterval(keepAlive);
  assert.deepEqual(fired.map(([name]) => name), ["first", "first too", "second", "last"]);
  const asked: Record<string, number> = { first: 10, "first too": 10, second: 300, last: 600 };
  for (const [name, afterMs] of fired) {
    assert.ok(afterMs >= (asked[name] ?? 0), `${name} after ${afterMs} ms`);
  }
});

Deno.test("CoarseTimers let a callback take back another of the same moment", async () => {
  const timers = new CoarseTimers(() => 0);
  const fired: string[] = [];
  await new Promise<void>((resolve) => {
    const keepAlive = setInterval(() => {}, 1000);
    let takeBack = () => {};
    timers.after(100, () => {
      fired.push("a");
      takeBack();
    });
    takeBack = timers.after(100, () => void fired.push("b"));
    timers.after(100, () => {
      clearInterval(keepAlive);
      resolve();
    });
  });
  assert.deepEqual(fired, ["a"]);
});

Deno.test({
  name: "CoarseTimers leave no timer of the runtime behind when all of a moment are taken back",
  sanitizeOps: true,
  fn() {
    const timers = new CoarseTimers(() => performance.now());
    const takeBacks = [1_000_000, 1_000_000, 2_000_000].map((ms) => timers.after(ms, () => {}));
    for (const takeBack of takeBacks) {
      takeBack();
      takeBack();
    }
  },
});
