/**
 * The deadlines of one connection. Those of streams (body rate, stalled sending) are not kept one by one: while any
 * stream needs watching, all are looked at once a second, which costs less than moving a timer for every frame.
 */
import type { Http2Limits } from "./http2_limits.ts";

/** How often streams are looked at; the time-outs of streams are exact to this. */
const SCAN_INTERVAL_MS = 1000;
/** How long the first GOAWAY of a drain waits for the acknowledgement that the peer has read it. */
const GOAWAY_GRACE_MS = 1000;

export type Deadline = "preface" | "block" | "idle" | "goaway" | "scan";

export class ConnectionClock {
  readonly #limits: Http2Limits;
  readonly #hasIdleTimeout: boolean;
  #now: number;
  #at: Record<Deadline, number>;

  /** @param options `hasIdleTimeout`: for servers; a client's owner decides when a connection is of no more use */
  constructor(limits: Http2Limits, options: { hasIdleTimeout: boolean; now: number }) {
    this.#limits = limits;
    this.#hasIdleTimeout = options.hasIdleTimeout;
    this.#now = options.now;
    this.#at = {
      preface: options.now + limits.headTimeoutMs,
      block: Infinity,
      idle: Infinity,
      goaway: Infinity,
      scan: Infinity,
    };
    this.becameIdle();
  }

  /** The latest time told, in ms. */
  get now(): number {
    return this.#now;
  }

  advance(now: number): void {
    if (now > this.#now) this.#now = now;
  }

  prefaceArrived(): void {
    this.#at.preface = Infinity;
  }

  /** The first byte of a field block that is not complete. */
  blockBegan(): void {
    if (this.#at.block === Infinity) this.#at.block = this.#now + this.#limits.headTimeoutMs;
  }

  blockEnded(): void {
    this.#at.block = Infinity;
  }

  becameIdle(): void {
    if (this.#hasIdleTimeout) this.#at.idle = this.#now + this.#limits.idleTimeoutMs;
  }

  becameBusy(): void {
    this.#at.idle = Infinity;
  }

  goawayAnnounced(): void {
    this.#at.idle = Infinity;
    this.#at.goaway = this.#now + GOAWAY_GRACE_MS;
  }

  goawayFinal(): void {
    this.#at.goaway = Infinity;
  }

  /** @returns when to call next, in ms; null: never */
  next(needsScan: boolean): number | null {
    if (!needsScan) this.#at.scan = Infinity;
    else if (this.#at.scan === Infinity) this.#at.scan = this.#now + SCAN_INTERVAL_MS;
    const at = Math.min(this.#at.preface, this.#at.block, this.#at.idle, this.#at.goaway, this.#at.scan);
    return at === Infinity ? null : at;
  }

  /** Takes one deadline that has passed. */
  due(): Deadline | null {
    for (const name of ["preface", "block", "idle", "goaway", "scan"] as const) {
      if (this.#at[name] > this.#now) continue;
      this.#at[name] = Infinity;
      return name;
    }
    return null;
  }
}
