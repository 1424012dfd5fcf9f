import type { SessionEvent } from "./session_event.ts";

/** Events that the driver has not fetched; bounded by what one `receive` can bring, since drivers drain after each. */
export class EventQueue<T> {
  #events: (SessionEvent<T> | undefined)[] = [];
  #head = 0;
  #taken = 0;

  get isEmpty(): boolean {
    return this.#head === this.#events.length;
  }

  /** Events pushed in all. */
  get addedCount(): number {
    return this.#taken + this.#events.length - this.#head;
  }

  /** Events fetched in all. */
  get takenCount(): number {
    return this.#taken;
  }

  push(event: SessionEvent<T>): void {
    this.#events.push(event);
  }

  shift(): SessionEvent<T> | null {
    const event = this.#events[this.#head];
    if (event === undefined) return null;
    this.#events[this.#head++] = undefined;
    this.#taken++;
    if (this.isEmpty) {
      this.#events.length = 0;
      this.#head = 0;
    }
    return event;
  }
}
