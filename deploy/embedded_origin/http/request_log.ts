/** What the origin saw of one exchange; times in milliseconds since 1970, with fractions. */
export interface RequestRecord {
  readonly id: string;
  readonly method: string;
  readonly path: string;
  readonly startedAt: number;
  state: "open" | "ended" | "aborted";
  status: number | null;
  headAt: number | null;
  endedAt: number | null;
  /** Why it was aborted: the relay error's code. */
  abortCode: string | null;
  requestBytes: number;
  answerBytes: number;
  /** Pieces of the answer's body: a streamed generation sends one for each token and one at the end. */
  pieces: number;
}

interface Waiter {
  readonly isMet: (record: RequestRecord) => boolean;
  readonly resolve: (record: RequestRecord) => void;
}

const MAX_RECORDS = 20_000;
const MAX_WAITERS = 10_000;

/** The latest exchanges that carried an id, by that id, and who waits for one to come so far. */
export class RequestLog {
  /** Oldest first. */
  readonly #records = new Map<string, RequestRecord>();
  readonly #waiters = new Map<string, Waiter[]>();
  #waiterCount = 0;
  started = 0;
  ended = 0;
  aborted = 0;

  get(id: string): RequestRecord | undefined {
    return this.#records.get(id);
  }

  /** Keeps a new record; one of the same id is replaced. */
  add(record: RequestRecord): void {
    this.#records.delete(record.id);
    this.#records.set(record.id, record);
    if (this.#records.size > MAX_RECORDS) {
      for (const oldest of this.#records.keys()) {
        this.#records.delete(oldest);
        break;
      }
    }
    this.changed(record);
  }

  /** Tells those who wait for `record` that it changed. */
  changed(record: RequestRecord): void {
    if (this.#waiterCount === 0) return;
    const waiters = this.#waiters.get(record.id);
    if (waiters === undefined) return;
    for (const waiter of waiters.filter((one) => one.isMet(record))) {
      this.#drop(record.id, waiter);
      waiter.resolve(record);
    }
  }

  /**
   * Calls `resolve` once, when the record `id` exists and `isMet` holds, at once if it does already. The returned
   * function ends the wait; null: too many wait.
   */
  wait(
    id: string,
    isMet: (record: RequestRecord) => boolean,
    resolve: (record: RequestRecord) => void,
  ): (() => void) | null {
    const record = this.#records.get(id);
    if (record !== undefined && isMet(record)) {
      resolve(record);
      return () => {};
    }
    if (this.#waiterCount >= MAX_WAITERS) return null;
    const waiter: Waiter = { isMet, resolve };
    const waiters = this.#waiters.get(id) ?? [];
    waiters.push(waiter);
    this.#waiters.set(id, waiters);
    this.#waiterCount++;
    return () => this.#drop(id, waiter);
  }

  #drop(id: string, waiter: Waiter): void {
    const waiters = this.#waiters.get(id) ?? [];
    const at = waiters.indexOf(waiter);
    if (at < 0) return;
    waiters.splice(at, 1);
    this.#waiterCount--;
    if (waiters.length === 0) this.#waiters.delete(id);
  }
}
