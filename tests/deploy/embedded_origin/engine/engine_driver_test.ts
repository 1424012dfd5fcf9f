import assert from "node:assert/strict";
import { Engine } from "../../../../deploy/embedded_origin/engine/engine.ts";
import { EngineDriver } from "../../../../deploy/embedded_origin/engine/engine_driver.ts";
import { DEFAULT_ENGINE_OPTIONS } from "../../../../deploy/embedded_origin/engine/engine_options.ts";
import { SteppedClock } from "../stepped_clock.ts";

const REQUEST = { promptTokens: 1, maxTokens: 50, outputTokens: 50, finishReason: "length" as const };

Deno.test("EngineDriver runs any number of generations with one timer and leaves none behind", () => {
  const clock = new SteppedClock();
  const driver = new EngineDriver(new Engine({ ...DEFAULT_ENGINE_OPTIONS, maxBatch: 300 }), clock);
  let tokens = 0;
  let finished = 0;
  const sink = { token: () => void tokens++, finished: () => void finished++ };
  const generations = Array.from({ length: 300 }, () => driver.submit(REQUEST, sink));
  clock.runUntil(500);
  const [first] = generations;
  assert.ok(first !== null && first !== undefined);
  driver.abort(first);
  clock.runUntil(60_000);
  assert.equal(finished, 299);
  assert.ok(tokens >= 299 * 50 && tokens < 300 * 50);
  assert.equal(clock.mostTimers, 1);
  assert.equal(clock.timers, 0);
});

Deno.test("EngineDriver.submit() gives a token that is due at once before it returns", () => {
  const clock = new SteppedClock();
  const driver = new EngineDriver(
    new Engine({ ...DEFAULT_ENGINE_OPTIONS, prefillTokensPerSecond: Infinity }),
    clock,
  );
  const heard: number[] = [];
  driver.submit(REQUEST, { token: (index) => void heard.push(index), finished() {} });
  assert.deepEqual(heard, [0]);
  driver.close();
  clock.runUntil(1000);
  assert.deepEqual(heard, [0]);
});
