import type { SessionEvent } from "./session_event.ts";

/** Events that the driver has not fetched; bounded by what one `receive` can bring, since drivers drain after each. */
export class EventQueue<T> {
  #events: (SessionEvent<T> | undefined)[] = [];
  #head = 0;

  get isEmpty(): boolean {
    return this.#head === this.#events.length;
  }

  push(event: SessionEvent<T>): void {
    this.#events.push(event);
  }

  shift(): SessionEvent<T> | null {
    const event = this.#events[this.#head];
    if (event === undefined) return null;
    this.#events[this.#head++] = undefined;
    if (this.isEmpty) {
      this.#events.length = 0;
      this.#head = 0;
    }
    return event;
  }
}
