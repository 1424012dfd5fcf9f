/**
 * Decides which transport handshakes begin: a token bucket over all peers, and bounds on half-open connections in
 * all and per address. Handshakes cost the listener far more than the peer, and a QUIC peer's address may be forged,
 * so the rate is bounded for all together: a flood then costs new lanes their time, never the live ones.
 */
import { assert } from "../assert/assert.ts";
import type { LaneListenerLimits } from "./lane_connection.ts";

export class HandshakeAdmission {
  readonly #limits: LaneListenerLimits;
  readonly #halfOpenByAddress = new Map<string, number>();
  #halfOpen = 0;
  #tokens: number;
  #refilledAt: number;

  /** `now`: ms that never go back, as in every call. */
  constructor(limits: LaneListenerLimits, now: number) {
    this.#limits = limits;
    this.#tokens = limits.handshakeBurst;
    this.#refilledAt = now;
  }

  /** Connections admitted and not yet released. */
  get halfOpen(): number {
    return this.#halfOpen;
  }

  /** Takes a token and a place; false: turn the connection away. After true, {@linkcode release} must follow. */
  admit(now: number): boolean {
    const earned = ((now - this.#refilledAt) / 1000) * this.#limits.handshakesPerSecond;
    this.#tokens = Math.min(this.#limits.handshakeBurst, this.#tokens + earned);
    this.#refilledAt = now;
    if (this.#tokens < 1 || this.#halfOpen >= this.#limits.maxHalfOpen) return false;
    this.#tokens--;
    this.#halfOpen++;
    return true;
  }

  /** Gives the place back. */
  release(): void {
    assert(this.#halfOpen > 0, "release without admit");
    this.#halfOpen--;
  }

  /** Takes a place of an admitted connection's address; after true, {@linkcode releaseAddress} must follow. */
  admitAddress(ip: string): boolean {
    const count = this.#halfOpenByAddress.get(ip) ?? 0;
    if (count >= this.#limits.maxHalfOpenPerAddress) return false;
    this.#halfOpenByAddress.set(ip, count + 1);
    return true;
  }

  releaseAddress(ip: string): void {
    const count = this.#halfOpenByAddress.get(ip) ?? 0;
    assert(count > 0, "releaseAddress without admitAddress");
    if (count === 1) this.#halfOpenByAddress.delete(ip);
    else this.#halfOpenByAddress.set(ip, count - 1);
  }
}
