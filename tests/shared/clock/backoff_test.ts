import assert from "node:assert/strict";
import { Backoff } from "../../../shared/clock/backoff.ts";

Deno.test("Backoff draws from zero to a bound that doubles up to the maximum, and begins anew after a success", () => {
  let drawn = 0.999999;
  const backoff = new Backoff({ initialMs: 200, maxMs: 10_000, random: () => drawn });
  const bounds = Array.from({ length: 9 }, () => Math.round(backoff.nextDelayMs()));
  assert.deepEqual(bounds, [200, 400, 800, 1600, 3200, 6400, 10_000, 10_000, 10_000]);
  drawn = 0;
  assert.equal(backoff.nextDelayMs(), 0);
  drawn = 0.5;
  backoff.succeeded();
  assert.equal(backoff.nextDelayMs(), 100);
  for (let i = 0; i < 5000; i++) backoff.nextDelayMs();
  assert.equal(backoff.nextDelayMs(), 5000, "no overflow");
});
