import assert from "node:assert/strict";
import { LazyTimer } from "../../../shared/clock/lazy_timer.ts";
import { Watch } from "../../support/watch.ts";

/** A timer over a clock and a deadline that the test sets; the runtime's own timers only say when it looks. */
class Bench {
  now = 0;
  deadline: number | null = null;
  looks = 0;
  expirations = 0;
  onExpired: () => void = () => this.deadline = null;
  readonly #watch = new Watch();
  readonly timer = new LazyTimer({
    clock: () => this.now,
    deadline: () => {
      this.looks++;
      this.#watch.changed();
      return this.deadline;
    },
    expired: () => {
      this.expirations++;
      this.onExpired();
      this.#watch.changed();
    },
  });

  until(condition: () => boolean): Promise<void> {
    return this.#watch.until(condition, () => `${this.looks} looks, ${this.expirations} expirations`);
  }
}

Deno.test("LazyTimer.update() lets the timer expire once when the deadline has passed", async () => {
  const bench = new Bench();
  bench.deadline = 5;
  bench.timer.update();
  assert.equal(bench.expirations, 0);
  bench.now = 5;
  await bench.until(() => bench.expirations === 1);
  bench.timer.stop();
  assert.equal(bench.expirations, 1);
});

Deno.test("LazyTimer looks again when the deadline has moved later, and then waits for that one", async () => {
  const bench = new Bench();
  bench.deadline = 1;
  bench.timer.update();
  bench.deadline = 8;
  bench.timer.update();
  const looks = bench.looks;
  bench.now = 2;
  await bench.until(() => bench.looks >= looks + 2);
  assert.equal(bench.expirations, 0);
  bench.now = 8;
  await bench.until(() => bench.expirations === 1);
  bench.timer.stop();
});

Deno.test("LazyTimer.update() makes it fire sooner when the deadline has moved earlier", async () => {
  const bench = new Bench();
  bench.deadline = 1_000_000;
  bench.timer.update();
  bench.deadline = 1;
  bench.timer.update();
  bench.now = 1;
  await bench.until(() => bench.expirations === 1);
  bench.timer.stop();
});

Deno.test("LazyTimer sleeps without a deadline until update() brings one", async () => {
  const bench = new Bench();
  bench.timer.update();
  bench.deadline = 0;
  bench.timer.update();
  await bench.until(() => bench.expirations === 1);
  // Nothing is left running: the test's sanitizer would say so.
});

Deno.test("LazyTimer goes on after an expiration that sets another deadline", async () => {
  const bench = new Bench();
  bench.onExpired = () => bench.deadline = bench.expirations < 3 ? ++bench.now : null;
  bench.deadline = 0;
  bench.timer.update();
  await bench.until(() => bench.expirations === 3);
});

Deno.test("LazyTimer.stop() leaves no timer behind, even within an expiration", async () => {
  const idle = new Bench();
  idle.deadline = 1_000_000;
  idle.timer.update();
  idle.timer.stop();
  const bench = new Bench();
  bench.onExpired = () => {
    bench.deadline = null;
    bench.timer.stop();
  };
  bench.deadline = 0;
  bench.timer.update();
  await bench.until(() => bench.expirations === 1);
});
