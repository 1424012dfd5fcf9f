/**
 * Listeners of an abort signal that thousands of connections wait for.
 *
 * `addEventListener` looks through all listeners for a duplicate, so the ten thousandth connection would pay for all the
 * others; here one listener a signal serves a set.
 */
const listeners = new WeakMap<AbortSignal, Set<() => void>>();

/** Calls `listener` once when `signal` aborts, unless it has already. Returns how to take it back. */
export function onAbort(signal: AbortSignal, listener: () => void): () => void {
  const set = listeners.get(signal) ?? listen(signal);
  set.add(listener);
  return () => set.delete(listener);
}

function listen(signal: AbortSignal): Set<() => void> {
  const set = new Set<() => void>();
  listeners.set(signal, set);
  signal.addEventListener("abort", () => {
    for (const listener of [...set]) listener();
    set.clear();
  }, { once: true });
  return set;
}
