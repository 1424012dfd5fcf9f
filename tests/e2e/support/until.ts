const POLL_MS = 20;
const TIMEOUT_MS = 20_000;

/** Asks again and again until `check` gives something; for state that a process shows only when it is asked. */
export async function until<V>(
  what: string,
  check: () => Promise<V | null>,
  { timeoutMs = TIMEOUT_MS }: { timeoutMs?: number } = {},
): Promise<V> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const found = await check();
    if (found !== null) return found;
    if (performance.now() > deadline) throw new Error(`not within ${timeoutMs / 1000} s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** Milliseconds since 1970 with fractions, as the embedded origin's records have them. */
export function epochMs(): number {
  return performance.timeOrigin + performance.now();
}
