/**
 * One timer for a deadline that moves often and fires rarely: moving it later costs nothing, since the timer that is
 * set already looks again when it fires.
 */

import { SYSTEM_CLOCK } from "./clock.ts";

export interface LazyTimerOptions {
  /** Now, in milliseconds that never go back. */
  clock(): number;
  /** As in `Clock`. @default the runtime's timers */
  after?(ms: number, callback: () => void): () => void;
  /** Asked when the timer fires; null: none. */
  deadline(): number | null;
  /** The deadline has passed. */
  expired(): void;
}

export class LazyTimer {
  readonly #options: LazyTimerOptions;
  #takeBack: (() => void) | null = null;
  #firesAt = Number.POSITIVE_INFINITY;

  constructor(options: LazyTimerOptions) {
    this.#options = options;
  }

  /** The deadline may have moved earlier, or there is one now. */
  update(): void {
    const deadline = this.#options.deadline();
    if (deadline === null || deadline >= this.#firesAt) return;
    this.stop();
    this.#firesAt = deadline;
    const waitMs = Math.max(0, Math.ceil(deadline - this.#options.clock()));
    this.#takeBack = (this.#options.after ?? SYSTEM_CLOCK.after)(waitMs, () => this.#fire());
  }

  stop(): void {
    this.#takeBack?.();
    this.#takeBack = null;
    this.#firesAt = Number.POSITIVE_INFINITY;
  }

  #fire(): void {
    this.#takeBack = null;
    this.#firesAt = Number.POSITIVE_INFINITY;
    const deadline = this.#options.deadline();
    if (deadline !== null && deadline <= this.#options.clock()) this.#options.expired();
    this.update();
  }
}
