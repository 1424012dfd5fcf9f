/**
 * One timer for a deadline that moves often and fires rarely: moving it later costs nothing, since the timer that is
 * set already looks again when it fires.
 */
export class LazyTimer {
  readonly #deadline: () => number | null;
  readonly #clock: () => number;
  readonly #expired: () => void;
  #timer: ReturnType<typeof setTimeout> | null = null;
  #firesAt = Number.POSITIVE_INFINITY;

  /** `deadline`: asked when the timer fires; null: none. `expired`: called when it has passed. */
  constructor(options: { clock(): number; deadline(): number | null; expired(): void }) {
    this.#clock = () => options.clock();
    this.#deadline = () => options.deadline();
    this.#expired = () => options.expired();
  }

  /** The deadline may have moved earlier, or there is one now. */
  update(): void {
    const deadline = this.#deadline();
    if (deadline === null || deadline >= this.#firesAt) return;
    this.stop();
    this.#firesAt = deadline;
    this.#timer = setTimeout(() => this.#fire(), Math.max(0, Math.ceil(deadline - this.#clock())));
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#firesAt = Number.POSITIVE_INFINITY;
  }

  #fire(): void {
    this.#timer = null;
    this.#firesAt = Number.POSITIVE_INFINITY;
    const deadline = this.#deadline();
    if (deadline !== null && deadline <= this.#clock()) this.#expired();
    this.update();
  }
}
