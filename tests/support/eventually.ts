const PATIENCE_MS = 10_000;

/** Looks at `condition` once a turn of the event loop until it holds. */
export async function eventually(condition: () => boolean, describe = () => ""): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`waited in vain for ${condition}: ${describe()}`);
    await new Promise((turn) => setTimeout(turn, 0));
  }
}
