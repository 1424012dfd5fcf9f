import type { Clock } from "../../../shared/clock/clock.ts";
import type { Engine } from "./engine.ts";
import type { Generation, GenerationRequest, TokenSink } from "./generation.ts";

/** The longest that a token waits for others so that one turn of the event loop serves many streams. */
const MAX_COALESCING_MS = 2;
/** Running generations from which on tokens wait that long. */
const FULL_COALESCING_AT = 128;

/** Lets an engine run on a clock, with one timer for all its generations. */
export class EngineDriver {
  readonly engine: Engine;
  readonly #clock: Clock;
  #cancelTimer: (() => void) | null = null;
  #timerAt = Infinity;
  #isAdvancing = false;

  constructor(engine: Engine, clock: Clock) {
    this.engine = engine;
    this.#clock = clock;
  }

  /** As `Engine.submit`; a token that is due at once is given before the return. */
  submit(request: GenerationRequest, sink: TokenSink): Generation | null {
    const generation = this.engine.submit(request, sink, this.#clock.now());
    this.#advance();
    return generation;
  }

  abort(generation: Generation): void {
    this.engine.abort(generation, this.#clock.now());
    this.#arm();
  }

  pause(generation: Generation): void {
    this.engine.pause(generation);
  }

  resume(generation: Generation): void {
    this.engine.resume(generation, this.#clock.now());
    this.#arm();
  }

  /** Gives no tokens any more. */
  close(): void {
    this.#isAdvancing = true;
    this.#disarm();
  }

  #advance(): void {
    if (this.#isAdvancing) return;
    this.#isAdvancing = true;
    this.engine.advance(this.#clock.now());
    this.#isAdvancing = false;
    this.#arm();
  }

  #arm(): void {
    if (this.#isAdvancing) return;
    const dueAt = this.engine.nextTimeout();
    if (dueAt === null) {
      this.#disarm();
      return;
    }
    const now = this.#clock.now();
    const coalescingMs = MAX_COALESCING_MS * Math.min(1, this.engine.running / FULL_COALESCING_AT);
    const fireAt = Math.max(dueAt, now + coalescingMs);
    if (this.#timerAt <= fireAt) return;
    this.#disarm();
    this.#timerAt = fireAt;
    this.#cancelTimer = this.#clock.after(Math.ceil(fireAt - now), () => {
      this.#cancelTimer = null;
      this.#timerAt = Infinity;
      this.#advance();
    });
  }

  #disarm(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = null;
    this.#timerAt = Infinity;
  }
}
