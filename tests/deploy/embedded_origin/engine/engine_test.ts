import assert from "node:assert/strict";
import fc from "fast-check";
import { Engine } from "../../../../deploy/embedded_origin/engine/engine.ts";
import type { EngineOptions } from "../../../../deploy/embedded_origin/engine/engine_options.ts";
import type {
  Generation,
  GenerationRequest,
  TokenSink,
} from "../../../../deploy/embedded_origin/engine/generation.ts";

const OPTIONS: EngineOptions = {
  prefillTokensPerSecond: 1000,
  decodeTokensPerSecond: 100,
  stepSlopeMs: 1,
  maxBatch: 4,
  kvTokens: 100,
  maxWaiting: 3,
};
const SHORT: GenerationRequest = { promptTokens: 10, maxTokens: 5, outputTokens: 5, finishReason: "stop" };

interface Heard {
  name: string;
  index: number;
  at: number;
}

/** Runs an engine step by step and notes each token with the time at which it was due. */
class Bench {
  readonly engine: Engine;
  readonly heard: Heard[] = [];
  readonly finished: string[] = [];
  now = 0;

  constructor(options: Partial<EngineOptions> = {}) {
    this.engine = new Engine({ ...OPTIONS, ...options });
  }

  submit(name: string, request: Partial<GenerationRequest> = {}): Generation {
    const sink = {
      token: (index: number) => void this.heard.push({ name, index, at: this.now }),
      finished: () => void this.finished.push(name),
    };
    const generation = this.engine.submit({ ...SHORT, ...request }, sink, this.now);
    assert.ok(generation !== null, "the queue is full");
    return generation;
  }

  runUntil(end: number): void {
    for (let at = this.engine.nextTimeout(); at !== null && at <= end; at = this.engine.nextTimeout()) {
      this.now = Math.max(this.now, at);
      this.engine.advance(this.now);
    }
    this.now = end;
    this.engine.advance(end);
  }
}

function timesOf(heard: Heard[], name: string): number[] {
  return heard.filter((one) => one.name === name).map((one) => Number(one.at.toFixed(6)));
}

Deno.test("Engine gives the first token after the prefill and each further one a step later", () => {
  const bench = new Bench();
  bench.submit("a");
  bench.runUntil(1000);
  assert.deepEqual(timesOf(bench.heard, "a"), [10, 20, 30, 40, 50]);
  assert.deepEqual(bench.finished, ["a"]);
  assert.equal(bench.engine.kvTokensUsed, 0);
  assert.equal(bench.engine.statistics.promptTokens, 10);
  assert.equal(bench.engine.statistics.generationTokens, 5);
  assert.equal(bench.engine.nextTimeout(), null);
});

Deno.test("Engine makes steps longer with the batch and spreads a step's tokens over it", () => {
  const bench = new Bench({ prefillTokensPerSecond: Infinity, kvTokens: 1000 });
  for (const name of ["a", "b", "c", "d"]) bench.submit(name, { maxTokens: 100, outputTokens: 100 });
  assert.equal(bench.engine.stepTimeMs(1), 10);
  assert.equal(bench.engine.stepTimeMs(4), 13);
  bench.runUntil(200);
  const lastRound = bench.heard.slice(-5);
  assert.equal(new Set(lastRound.slice(0, 4).map((one) => one.name)).size, 4);
  const gaps = lastRound.slice(1).map((one, i) => one.at - (lastRound[i]?.at ?? 0));
  for (const gap of gaps) assert.ok(Math.abs(gap - 13 / 4) < 1e-6, `gap ${gap}`);
});

Deno.test("Engine admits in order of arrival and lets nobody pass a generation that does not fit yet", () => {
  const bench = new Bench({ prefillTokensPerSecond: Infinity });
  bench.submit("large", { promptTokens: 60 });
  bench.submit("larger", { promptTokens: 70 });
  bench.submit("small");
  bench.runUntil(0);
  assert.equal(bench.engine.running, 1);
  assert.equal(bench.engine.waiting, 2);
  bench.runUntil(1000);
  assert.deepEqual(bench.finished, ["large", "larger", "small"]);
  const firsts = bench.heard.filter((one) => one.index === 0).map((one) => one.name);
  assert.deepEqual(firsts, ["large", "larger", "small"]);
});

Deno.test("Engine.submit() refuses what finds the queue full", () => {
  const bench = new Bench();
  for (const name of ["running", "1", "2", "3"]) bench.submit(name);
  assert.equal(bench.engine.submit(SHORT, { token() {}, finished() {} }, 0), null);
  assert.equal(bench.engine.statistics.refused, 1);
  assert.equal(bench.engine.statistics.started, 4);
});

Deno.test("Engine.abort() frees the place at once, so that the next one starts", () => {
  const bench = new Bench({ maxBatch: 1 });
  const first = bench.submit("first");
  bench.submit("second");
  bench.runUntil(15);
  assert.equal(bench.engine.abort(first, bench.now), true);
  assert.equal(bench.engine.abort(first, bench.now), false);
  assert.equal(bench.engine.waiting, 0);
  bench.runUntil(1000);
  assert.deepEqual(timesOf(bench.heard, "first"), [10]);
  assert.deepEqual(timesOf(bench.heard, "second")[0], 25);
  assert.equal(bench.engine.statistics.aborted, 1);
  assert.equal(bench.engine.statistics.lastAbortAt, 15);
});

Deno.test("Engine.pause() gives no tokens until resume() and loses none", () => {
  const bench = new Bench({ prefillTokensPerSecond: Infinity });
  const generation = bench.submit("a");
  bench.runUntil(15);
  bench.engine.pause(generation);
  assert.equal(bench.engine.nextTimeout(), null);
  bench.runUntil(500);
  assert.equal(bench.heard.length, 2);
  bench.engine.resume(generation, bench.now);
  bench.runUntil(1000);
  assert.deepEqual(bench.heard.map((one) => one.index), [0, 1, 2, 3, 4]);
  assert.deepEqual(timesOf(bench.heard, "a").slice(2), [510, 520, 530]);
});

Deno.test("Engine gives a generation that was paused and resumed within a step no more than its share", () => {
  const bench = new Bench({ prefillTokensPerSecond: Infinity, kvTokens: 1000 });
  const paused = bench.submit("paused", { maxTokens: 100, outputTokens: 100 });
  bench.submit("other", { maxTokens: 100, outputTokens: 100 });
  bench.runUntil(25);
  for (let i = 0; i < 3; i++) {
    bench.engine.pause(paused);
    bench.engine.resume(paused, bench.now);
  }
  bench.runUntil(500);
  const lead = timesOf(bench.heard, "paused").length - timesOf(bench.heard, "other").length;
  assert.ok(Math.abs(lead) <= 1, `${lead} tokens more`);
});

Deno.test("Engine gives no burst after the process was held up for long", () => {
  const bench = new Bench({ prefillTokensPerSecond: Infinity });
  bench.submit("a", { maxTokens: 90, outputTokens: 90 });
  bench.runUntil(5);
  bench.now = 60_000;
  bench.engine.advance(60_000);
  assert.ok(bench.heard.length < 40, `${bench.heard.length} tokens at once`);
});

type Action =
  | { kind: "submit"; promptTokens: number; outputTokens: number; spare: number }
  | { kind: "abort" | "pause" | "resume"; which: number }
  | { kind: "wait"; ms: number };

const ACTION: fc.Arbitrary<Action> = fc.oneof(
  fc.record({
    kind: fc.constant("submit" as const),
    promptTokens: fc.integer({ min: 1, max: 40 }),
    outputTokens: fc.integer({ min: 1, max: 20 }),
    spare: fc.integer({ min: 0, max: 20 }),
  }),
  fc.record({ kind: fc.constantFrom("abort", "pause", "resume"), which: fc.nat(30) }),
  fc.record({ kind: fc.constant("wait" as const), ms: fc.integer({ min: 0, max: 60 }) }),
);

/** One generation of the property test: what it heard, and what it may still hear. */
class Watcher implements TokenSink {
  generation: Generation | null = null;
  readonly tokens: number[] = [];
  isFinished = false;
  isPaused = false;
  isAborted = false;
  readonly #tell: (index: number) => void;

  constructor(tell: (index: number) => void) {
    this.#tell = tell;
  }

  get isLive(): boolean {
    return !this.isFinished && !this.isAborted;
  }

  token(index: number): void {
    assert.ok(this.isLive && !this.isPaused, "a token for one who wants none");
    this.tokens.push(index);
    this.#tell(index);
  }

  finished(): void {
    this.isFinished = true;
  }
}

/** Does `actions` to an engine, checking the invariants after each. */
class Play {
  /** Every token with its generation and time. */
  readonly story: string[] = [];
  readonly #bench = new Bench();
  readonly #watchers: Watcher[] = [];

  run(actions: readonly Action[]): void {
    for (const action of actions) {
      if (action.kind === "wait") this.#bench.runUntil(this.#bench.now + action.ms);
      else if (action.kind === "submit") this.#submit(action);
      else this.#disturb(action.kind, action.which);
      this.#check();
    }
    this.#watchers.forEach((_, which) => this.#disturb("resume", which));
    this.#bench.runUntil(this.#bench.now + 100_000);
    this.#check();
    this.#checkEnd();
  }

  #submit({ promptTokens, outputTokens, spare }: Action & { kind: "submit" }): void {
    const name = this.#watchers.length;
    const watcher = new Watcher((index) => void this.story.push(`${name}:${index}@${this.#bench.now}`));
    const request = {
      promptTokens,
      outputTokens,
      maxTokens: outputTokens + spare,
      finishReason: "stop" as const,
    };
    watcher.generation = this.#bench.engine.submit(request, watcher, this.#bench.now);
    if (watcher.generation !== null) this.#watchers.push(watcher);
  }

  #disturb(kind: "abort" | "pause" | "resume", which: number): void {
    const watcher = this.#watchers[which % Math.max(1, this.#watchers.length)];
    const generation = watcher?.generation ?? null;
    if (watcher === undefined || generation === null) return;
    const { engine, now } = this.#bench;
    if (kind === "abort") watcher.isAborted = engine.abort(generation, now) || watcher.isAborted;
    else if (kind === "pause") engine.pause(generation);
    else engine.resume(generation, now);
    watcher.isPaused = generation.state === "paused";
  }

  #check(): void {
    const { engine } = this.#bench;
    const live = this.#watchers.filter((one) => one.isLive).map((one) => one.generation);
    const held = live.filter((one) => one?.state !== "waiting");
    assert.ok(engine.kvTokensUsed <= OPTIONS.kvTokens);
    assert.ok(engine.running <= OPTIONS.maxBatch);
    assert.ok(engine.waiting <= OPTIONS.maxWaiting);
    assert.equal(engine.running, held.length);
    assert.equal(engine.waiting, live.length - held.length);
    assert.equal(engine.kvTokensUsed, held.reduce((sum, one) => sum + (one?.kvTokens ?? 0), 0));
  }

  #checkEnd(): void {
    assert.equal(this.#bench.engine.kvTokensUsed, 0);
    assert.equal(this.#bench.engine.nextTimeout(), null);
    for (const watcher of this.#watchers) {
      assert.ok(watcher.isFinished !== watcher.isAborted, "exactly one end");
      assert.deepEqual(watcher.tokens, watcher.tokens.map((_, i) => i));
      if (watcher.isFinished) assert.equal(watcher.tokens.length, watcher.generation?.request.outputTokens);
    }
  }
}

function play(actions: readonly Action[]): string[] {
  const one = new Play();
  one.run(actions);
  return one.story;
}

Deno.test("Engine keeps its budgets and gives every generation its tokens, whatever is done to it", () => {
  fc.assert(
    fc.property(fc.array(ACTION, { maxLength: 60 }), (actions) => {
      assert.deepEqual(play(actions), play(actions));
    }),
    { numRuns: 300 },
  );
});
