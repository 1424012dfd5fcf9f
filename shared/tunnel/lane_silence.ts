/** How long a lane has brought nothing, since when its peer owes it an acknowledgement, and how patient to be with it. */
import type { SessionLimits } from "./session_limits.ts";

/** A lane that gave way for silence is not preferred to another for so long. */
const DISTRUST_MS = 10_000;
/** An acknowledgement may take so many round trips, and the peer's delay besides. */
const PATIENT_ROUND_TRIPS = 3;

export class LaneSilence {
  readonly #limits: SessionLimits;
  #lastReceivedAt: number;
  /** Since when the peer owes an acknowledgement without progress. */
  #owedSince: number | null = null;
  #isStalled = false;
  #stalledAt = Number.NEGATIVE_INFINITY;
  #stalls = 0;

  constructor(limits: SessionLimits, now: number) {
    this.#limits = limits;
    this.#lastReceivedAt = now;
  }

  get lastReceivedAt(): number {
    return this.#lastReceivedAt;
  }

  /** True from when it gave way for silence until it brings something. */
  get isStalled(): boolean {
    return this.#isStalled;
  }

  /** Times that it gave way. */
  get stalls(): number {
    return this.#stalls;
  }

  get diesAt(): number {
    return this.#lastReceivedAt + this.#limits.laneTimeoutMs;
  }

  isDistrusted(now: number): boolean {
    return now - this.#stalledAt < DISTRUST_MS;
  }

  heard(now: number): void {
    this.#lastReceivedAt = now;
    this.#isStalled = false;
  }

  /** Something was sent that the peer has to acknowledge; true if it owed nothing before. */
  sent(now: number): boolean {
    if (this.#owedSince !== null) return false;
    this.#owedSince = now;
    return true;
  }

  acknowledged({ isAll, now }: { isAll: boolean; now: number }): void {
    if (this.#owedSince !== null) this.#owedSince = isAll ? null : now;
  }

  /** What the peer owes is no longer waited for here. */
  forgive(): void {
    this.#owedSince = null;
  }

  stalled(now: number): void {
    this.#isStalled = true;
    this.#stalledAt = now;
    this.#stalls++;
  }

  /** When a share of the patience with a peer that owes something is over; null when it owes nothing. */
  endsAt({ patience, roundTripMs }: { patience: number; roundTripMs: number }): number | null {
    if (this.#owedSince === null) return null;
    const { laneStallTimeoutMs, ackDelayMs } = this.#limits;
    const patienceMs = Math.max(laneStallTimeoutMs, PATIENT_ROUND_TRIPS * roundTripMs + ackDelayMs);
    return Math.max(this.#owedSince, this.#lastReceivedAt) + patience * patienceMs;
  }
}
