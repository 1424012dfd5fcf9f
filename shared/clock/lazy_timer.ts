/**
 * One timer for a deadline that moves often and fires rarely: moving it later costs nothing, since the timer that is
 * set already looks again when it fires.
 */

export interface LazyTimerOptions {
  clock(): number;
  /** Asked when the timer fires; null: none. */
  deadline(): number | null;
  /** The deadline has passed. */
  expired(): void;
}

export class LazyTimer {
  readonly #options: LazyTimerOptions;
  #timer: ReturnType<typeof setTimeout> | null = null;
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
    this.#timer = setTimeout(() => this.#fire(), Math.max(0, Math.ceil(deadline - this.#options.clock())));
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#firesAt = Number.POSITIVE_INFINITY;
  }

  #fire(): void {
    this.#timer = null;
    this.#firesAt = Number.POSITIVE_INFINITY;
    const deadline = this.#options.deadline();
    if (deadline !== null && deadline <= this.#options.clock()) this.#options.expired();
    this.update();
  }
}
