/**
 * Many long timers at little cost: those that fall due within the same quarter of a second share one of the runtime's
 * timers, which cost four times the memory of an entry here. A timer fires up to a quarter of a second late, never early.
 */
const BUCKET_MS = 250;

interface Entry {
  readonly callback: () => void;
}

/** Entries that fall due at its end; it goes when the last is taken back. */
interface Bucket {
  readonly entries: Set<Entry>;
  readonly timer: ReturnType<typeof setTimeout>;
}

export class CoarseTimers {
  readonly #now: () => number;
  /** By number: the buckets that have not ended. */
  readonly #buckets = new Map<number, Bucket>();

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Calls `callback` once after `ms`; the returned function takes it back. */
  after(ms: number, callback: () => void): () => void {
    const now = this.#now();
    const number = Math.ceil((now + ms) / BUCKET_MS);
    const bucket = this.#buckets.get(number) ?? this.#open(number, now);
    const entry: Entry = { callback };
    bucket.entries.add(entry);
    return () => {
      if (bucket.entries.delete(entry) && bucket.entries.size === 0) this.#close(number, bucket);
    };
  }

  #open(number: number, now: number): Bucket {
    const timer = setTimeout(() => this.#fire(number), Math.ceil(number * BUCKET_MS - now));
    // Each entry belongs to a connection or a session, and those keep the process alive.
    Deno.unrefTimer(timer);
    const bucket = { entries: new Set<Entry>(), timer };
    this.#buckets.set(number, bucket);
    return bucket;
  }

  #close(number: number, bucket: Bucket): void {
    clearTimeout(bucket.timer);
    if (this.#buckets.get(number) === bucket) this.#buckets.delete(number);
  }

  #fire(number: number): void {
    const bucket = this.#buckets.get(number);
    this.#buckets.delete(number);
    for (const entry of bucket?.entries ?? []) entry.callback();
  }
}
