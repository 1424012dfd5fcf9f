/**
 * Full jitter: each wait is drawn evenly from zero to a bound that doubles with every failure, so that edges that lost
 * their core together do not come back together (AWS Architecture Blog, "Exponential Backoff And Jitter", 2015).
 */
export interface BackoffOptions {
  readonly initialMs: number;
  readonly maxMs: number;
  /** Evenly distributed in [0, 1). */
  random(): number;
}

export class Backoff {
  readonly #options: BackoffOptions;
  #failures = 0;

  constructor(options: BackoffOptions) {
    this.#options = options;
  }

  /** Failures since the last success. */
  get failures(): number {
    return this.#failures;
  }

  /** Counts a failure and says how long to wait before the next try. */
  nextDelayMs(): number {
    const { initialMs, maxMs, random } = this.#options;
    const boundMs = Math.min(maxMs, initialMs * 2 ** Math.min(this.#failures, 30));
    this.#failures++;
    return random() * boundMs;
  }

  succeeded(): void {
    this.#failures = 0;
  }
}
