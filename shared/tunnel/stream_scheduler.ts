/**
 * Which stream's held bytes go next: streams that hold little (tokens) before those that hold much (bulk), in turn within
 * each. After so many small turns bulk gets one, so that it is slowed and not starved.
 */
const SMALL_HELD_BYTES = 4 * 1024;
const SMALL_TURNS_PER_BULK_TURN = 16;

export interface Schedulable {
  readonly sender: { readonly heldBytes: number };
}

export class StreamScheduler<S extends Schedulable> {
  readonly #small = new Set<S>();
  readonly #bulk = new Set<S>();
  #smallTurns = 0;

  get size(): number {
    return this.#small.size + this.#bulk.size;
  }

  /** True when the stream waits here. */
  has(stream: S): boolean {
    return this.#small.has(stream) || this.#bulk.has(stream);
  }

  /** True when a piece of `bytes` that is sent now would not jump a queue it belongs to. */
  isFreeFor(bytes: number): boolean {
    return this.#small.size === 0 && (bytes <= SMALL_HELD_BYTES || this.#bulk.size === 0);
  }

  /** Adds a stream at the end of its list; no-op when it waits already. */
  add(stream: S): void {
    if (this.has(stream)) return;
    (stream.sender.heldBytes <= SMALL_HELD_BYTES ? this.#small : this.#bulk).add(stream);
  }

  remove(stream: S): void {
    this.#small.delete(stream);
    this.#bulk.delete(stream);
  }

  /** Removes and returns the stream whose turn it is. */
  next(): S | null {
    const isBulkTurn = this.#small.size === 0 ||
      (this.#bulk.size > 0 && this.#smallTurns >= SMALL_TURNS_PER_BULK_TURN);
    const list = isBulkTurn ? this.#bulk : this.#small;
    this.#smallTurns = isBulkTurn ? 0 : this.#smallTurns + 1;
    for (const stream of list) {
      list.delete(stream);
      return stream;
    }
    return null;
  }

  clear(): void {
    this.#small.clear();
    this.#bulk.clear();
  }
}
