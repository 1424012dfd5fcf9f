/** Time as drivers see it; sans-IO code is handed `now` instead. */
export interface Clock {
  /** Milliseconds that never go back. */
  now(): number;
  /** Calls `callback` once after `ms`; the returned function takes it back and may be called at any time. */
  after(ms: number, callback: () => void): () => void;
}

/** The process's own clock. */
export const SYSTEM_CLOCK: Clock = {
  now: () => performance.now(),
  after(ms, callback) {
    const timer = setTimeout(callback, ms);
    return () => clearTimeout(timer);
  },
};
