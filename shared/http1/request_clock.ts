/**
 * What time a client still has: for its first head, between requests, for a later head, for a body.
 *
 * The answer's side of a codec is not told the time, so a phase that begins there has no start yet: the next call that
 * brings the time sets it, and a deadline soon asks for such a call. Time in which we ourselves do not read is not
 * charged. A rate averaged alone would let a client send fast and then hang for hours, hence the longest pause.
 */
import type { Http1Limits } from "./http1_limits.ts";

export type RequestPhase = "first_head" | "idle" | "head" | "body" | "none";

/** At most so late is a start that was not told. */
const MAX_UNKNOWN_START_MS = 1000;

export class RequestClock {
  readonly #limits: Http1Limits;
  #phase: RequestPhase = "first_head";
  #nowMs: number;
  #startMs: number | null;
  #lastByteMs: number;
  #bodyBytes = 0;
  #pausedSinceMs: number | null = null;

  constructor(limits: Http1Limits, now: number) {
    this.#limits = limits;
    this.#nowMs = now;
    this.#startMs = now;
    this.#lastByteMs = now;
  }

  get phase(): RequestPhase {
    return this.#phase;
  }

  /** @param startMs null: not known, somewhere after the last `observe` */
  enter(phase: RequestPhase, startMs: number | null): void {
    this.#phase = phase;
    this.#startMs = startMs;
    this.#lastByteMs = startMs ?? this.#nowMs;
    this.#bodyBytes = 0;
  }

  observe(now: number): void {
    this.#nowMs = now;
    if (this.#startMs !== null) return;
    this.#startMs = now;
    this.#lastByteMs = now;
  }

  /** Bytes of a body have come, as of the last `observe`. */
  bodyBytes(count: number): void {
    this.#bodyBytes += count;
    this.#lastByteMs = this.#nowMs;
  }

  pause(now: number): void {
    this.observe(now);
    this.#pausedSinceMs ??= now;
  }

  resume(now: number): void {
    this.observe(now);
    if (this.#pausedSinceMs === null) return;
    const pausedMs = now - Math.max(this.#pausedSinceMs, this.#startMs ?? now);
    this.#pausedSinceMs = null;
    if (this.#phase !== "body" || this.#startMs === null) return;
    this.#startMs += pausedMs;
    this.#lastByteMs = now;
  }

  /** When the present phase is over, or when the time should be told; null: no limit. */
  deadline(): number | null {
    const limits = this.#limits;
    if (this.#phase === "none") return null;
    if (this.#phase === "body" && this.#pausedSinceMs !== null) return null;
    if (this.#startMs === null) return this.#nowMs + Math.min(MAX_UNKNOWN_START_MS, limits.idleTimeoutMs);
    switch (this.#phase) {
      case "idle":
        return this.#startMs + limits.idleTimeoutMs;
      case "first_head":
      case "head":
        return this.#startMs + limits.headTimeoutMs;
      case "body": {
        const earnedMs = this.#bodyBytes * 1000 / limits.minBodyBytesPerSecond;
        const byRate = this.#startMs + limits.bodyGraceMs + earnedMs;
        return Math.min(byRate, this.#lastByteMs + limits.idleTimeoutMs);
      }
    }
  }

  /** True if the phase is over; an unknown start is set instead. */
  isOver(now: number): boolean {
    const deadline = this.#startMs === null ? null : this.deadline();
    this.observe(now);
    return deadline !== null && now >= deadline;
  }
}
