import { CoarseTimers } from "./coarse_timers.ts";

/** Time as drivers see it; sans-IO code is handed `now` instead. */
export interface Clock {
  /** Milliseconds that never go back. */
  now(): number;
  /** Calls `callback` once after `ms`; the returned function takes it back and may be called at any time. */
  after(ms: number, callback: () => void): () => void;
}

const now = () => performance.now();
const coarseTimers = new CoarseTimers(now);
/** Longer waits may end a quarter of a second late. */
const COARSE_FROM_MS = 2_000;

/** The process's own clock. */
export const SYSTEM_CLOCK: Clock = {
  now,
  after(ms, callback) {
    if (ms >= COARSE_FROM_MS) return coarseTimers.after(ms, callback);
    const timer = setTimeout(callback, ms);
    return () => clearTimeout(timer);
  },
};
