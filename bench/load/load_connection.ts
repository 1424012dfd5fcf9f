/** What one of a load client's connections sees of its tokens, over all requests and isEndless. */
export class LoadConnection {
  #longestGapMs = 0;
  #lastTokenMs: number | null = null;
  #isBroken = false;

  /** A window begins. */
  start(nowMs: number): void {
    this.#longestGapMs = 0;
    this.#isBroken = false;
    if (this.#lastTokenMs !== null) this.#lastTokenMs = nowMs;
  }

  tokenCame(nowMs: number): void {
    this.#longestGapMs = this.longestGapMs(nowMs);
    this.#lastTokenMs = nowMs;
  }

  /** A request on it failed. */
  broke(): void {
    this.#isBroken = true;
  }

  get isBroken(): boolean {
    return this.#isBroken;
  }

  /** Longest time without a token within the window, the one that goes on at `nowMs` included. */
  longestGapMs(nowMs: number): number {
    return Math.max(this.#longestGapMs, this.silentMs(nowMs));
  }

  /** Since the last token; 0 before the first. */
  silentMs(nowMs: number): number {
    return this.#lastTokenMs === null ? 0 : nowMs - this.#lastTokenMs;
  }
}
