/**
 * An inference engine's scheduler without a model: continuous batching as vLLM does it, in simulated time.
 *
 * A generation waits (first come, first served), is prefilled (one prompt at a time, `promptTokens / rate`), then
 * decodes: each step takes `base + slope × (running - 1)` milliseconds and gives every running generation one token.
 * A real engine gives all tokens of a step at its end; here token i of n comes at `(i + 1) / n` of the step, so
 * that traffic is as smooth as that of many engines. Within a step the order is the order of joining.
 *
 * Invariants: the KV tokens of all running generations never exceed the budget (the whole output is reserved at
 * admission, so none is ever preempted); running ≤ maxBatch; waiting ≤ maxWaiting; an ended generation holds nothing
 * and hears nothing. The same calls with the same times give the same tokens at the same times.
 *
 * Rejected: one heap entry for each token (a rotating list does the same work in constant time), one timer for each
 * stream (10,000 of them cost more than the tokens).
 */
import { assert } from "../../../shared/assert/assert.ts";
import type { EngineOptions } from "./engine_options.ts";
import { EngineStatistics } from "./engine_statistics.ts";
import { Generation, type GenerationRequest, type TokenSink } from "./generation.ts";

/** A step that begins later than this drops the lost time instead of giving its tokens in a burst. */
const MAX_LATENESS_MS = 250;

export class Engine {
  readonly statistics = new EngineStatistics();
  readonly options: EngineOptions;
  /** In order of arrival. */
  readonly #waiting = new Set<Generation>();
  #prefilling: Generation | null = null;
  #prefillEndsAt = Infinity;
  /** The generations of the current step; those that left meanwhile are dropped when the next step begins. */
  #batch: Generation[] = [];
  /** What joins at the next step. */
  #joining: Generation[] = [];
  #cursor = 0;
  #stepStartedAt = 0;
  #stepMs = 0;
  #running = 0;
  #kvTokensUsed = 0;
  #now = 0;

  constructor(options: EngineOptions) {
    this.options = options;
  }

  get running(): number {
    return this.#running;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /** Tokens of KV cache reserved by running generations. */
  get kvTokensUsed(): number {
    return this.#kvTokensUsed;
  }

  /** Milliseconds that a decode step takes with `running` generations. */
  stepTimeMs(running: number): number {
    return 1000 / this.options.decodeTokensPerSecond + this.options.stepSlopeMs * Math.max(0, running - 1);
  }

  /** False: no batch, however empty, could hold that many tokens. */
  fits(promptTokens: number, maxTokens: number): boolean {
    return promptTokens + maxTokens <= this.options.kvTokens;
  }

  /** Queues a generation that {@linkcode fits}; null: the queue is full. Gives no token before {@linkcode advance}. */
  submit(request: GenerationRequest, sink: TokenSink, now: number): Generation | null {
    assert(this.fits(request.promptTokens, request.maxTokens), "a generation larger than the KV cache");
    assert(
      request.outputTokens >= 1 && request.outputTokens <= request.maxTokens,
      "output tokens out of range",
    );
    this.#now = Math.max(this.#now, now);
    if (this.#waiting.size >= this.options.maxWaiting) {
      this.statistics.refused++;
      return null;
    }
    const generation = new Generation(request, sink, this.#now);
    this.#waiting.add(generation);
    this.statistics.started++;
    this.#admit(this.#now);
    return generation;
  }

  /** Ends a generation at once, wherever it stands, and frees what it holds; false: it had ended already. */
  abort(generation: Generation, now: number): boolean {
    this.#now = Math.max(this.#now, now);
    const state = generation.state;
    if (state === "finished" || state === "aborted") return false;
    generation.state = "aborted";
    this.statistics.aborted++;
    this.statistics.lastAbortAt = this.#now;
    if (state === "waiting") this.#waiting.delete(generation);
    else this.#release(generation);
    if (state === "prefilling") this.#endPrefill();
    this.#nextTokenAt();
    this.#admit(this.#now);
    return true;
  }

  /** Gives a decoding generation no tokens until {@linkcode resume}; it keeps its place and its KV cache. */
  pause(generation: Generation): void {
    if (generation.state !== "decoding") return;
    generation.state = "paused";
    this.#nextTokenAt();
  }

  resume(generation: Generation, now: number): void {
    this.#now = Math.max(this.#now, now);
    if (generation.state !== "paused") return;
    generation.state = "decoding";
    this.#join(generation, this.#now);
  }

  /** Does all that is due until `now`, in order of time. */
  advance(now: number): void {
    this.#now = Math.max(this.#now, now);
    for (;;) {
      const decodeAt = this.#nextTokenAt();
      if (Math.min(this.#prefillEndsAt, decodeAt) > this.#now) return;
      if (this.#prefillEndsAt <= decodeAt) this.#finishPrefill(this.#prefillEndsAt);
      else this.#giveNextToken(decodeAt);
    }
  }

  /** When {@linkcode advance} has something to do next, in milliseconds; null: not before the next call. */
  nextTimeout(): number | null {
    const at = Math.min(this.#prefillEndsAt, this.#nextTokenAt());
    return at === Infinity ? null : at;
  }

  #admit(at: number): void {
    while (this.#prefilling === null && this.#running < this.options.maxBatch) {
      const first = this.#waiting.values().next().value;
      if (first === undefined || this.#kvTokensUsed + first.kvTokens > this.options.kvTokens) return;
      this.#waiting.delete(first);
      first.state = "prefilling";
      this.#running++;
      this.#kvTokensUsed += first.kvTokens;
      this.#prefilling = first;
      this.#prefillEndsAt = at + first.request.promptTokens / this.options.prefillTokensPerSecond * 1000;
      this.statistics.queueTime.observe((at - first.submittedAt) / 1000);
    }
  }

  #endPrefill(): void {
    this.#prefilling = null;
    this.#prefillEndsAt = Infinity;
  }

  #finishPrefill(at: number): void {
    const generation = this.#prefilling;
    assert(generation !== null, "a prefill ended and none was under way");
    this.#endPrefill();
    this.statistics.promptTokens += generation.request.promptTokens;
    this.statistics.timeToFirstToken.observe((at - generation.submittedAt) / 1000);
    generation.state = "decoding";
    this.#giveToken(generation, at);
    if (generation.state === "decoding") this.#join(generation, at);
    this.#admit(at);
  }

  #join(generation: Generation, at: number): void {
    if (generation.isListed) return;
    generation.isListed = true;
    this.#joining.push(generation);
    if (this.#batch.length === 0) this.#beginStep(at);
  }

  /** When the next token is due; skips what left the batch and begins the next step where one ends. */
  #nextTokenAt(): number {
    for (;;) {
      const batch = this.#batch;
      while (this.#cursor < batch.length && batch[this.#cursor]?.state !== "decoding") this.#cursor++;
      if (this.#cursor < batch.length) {
        return this.#stepStartedAt + this.#stepMs * ((this.#cursor + 1) / batch.length);
      }
      if (batch.length === 0 && this.#joining.length === 0) return Infinity;
      this.#beginStep(Math.max(this.#stepStartedAt + this.#stepMs, this.#now - MAX_LATENESS_MS));
    }
  }

  #beginStep(at: number): void {
    let kept = 0;
    for (const list of [this.#batch, this.#joining]) {
      for (const generation of list) {
        if (generation.state === "decoding") this.#batch[kept++] = generation;
        else generation.isListed = false;
      }
    }
    this.#batch.length = kept;
    this.#joining.length = 0;
    this.#cursor = 0;
    this.#stepStartedAt = at;
    this.#stepMs = this.stepTimeMs(kept);
  }

  #giveNextToken(at: number): void {
    const generation = this.#batch[this.#cursor++];
    assert(generation !== undefined, "no token is due");
    this.statistics.interTokenLatency.observe((at - generation.lastTokenAt) / 1000);
    this.#giveToken(generation, at);
  }

  #giveToken(generation: Generation, at: number): void {
    const index = generation.produced++;
    generation.lastTokenAt = at;
    this.statistics.generationTokens++;
    if (generation.produced < generation.request.outputTokens) {
      generation.sink.token(index);
      return;
    }
    generation.state = "finished";
    this.#release(generation);
    this.statistics.finished[generation.request.finishReason]++;
    this.statistics.requestLatency.observe((at - generation.submittedAt) / 1000);
    generation.sink.token(index);
    generation.sink.finished();
    this.#admit(at);
  }

  #release(generation: Generation): void {
    this.#running--;
    this.#kvTokensUsed -= generation.kvTokens;
  }
}
