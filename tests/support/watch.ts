/** Lets a test wait for a condition on something that says when it changes. */
const PATIENCE_MS = 5_000;

export class Watch {
  #waiting = new Set<() => void>();

  /** Something changed: conditions are looked at again. */
  changed(): void {
    for (const look of [...this.#waiting]) look();
  }

  /** Resolves when `condition` holds; rejects, with what `describe` says, if it does not for far too long. */
  until(condition: () => boolean, describe: () => string): Promise<void> {
    return new Promise((resolve, reject) => {
      const look = () => {
        if (!condition()) return;
        this.#waiting.delete(look);
        clearTimeout(timer);
        resolve();
      };
      const timer = setTimeout(() => {
        this.#waiting.delete(look);
        reject(new Error(`waited in vain for ${condition}: ${describe()}`));
      }, PATIENCE_MS);
      this.#waiting.add(look);
      look();
    });
  }
}
