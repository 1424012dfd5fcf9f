/**
 * Event moderation: under a steady load of small reads, a turn of the event loop costs several times what one read
 * does, and tokens of many streams that arrive a fraction of a millisecond apart each cost a turn of their own. So while
 * small reads come faster than one in half a millisecond, the loop rests after each turn until a millisecond is over;
 * what arrives meanwhile is handled together in the next turn and leaves in one write. Network cards do the same with
 * their interrupts.
 *
 * Invariant: a turn begins at most a millisecond late, and only under that load: one exchange alone never waits. A turn
 * that takes a millisecond by itself, or one with large reads, is followed by no rest. Needs the C library (FFI); without
 * it nothing rests.
 */
/** Shortest time between the beginnings of two turns while moderated. */
const TURN_MS = 1;
/** Small reads a second from which turns are moderated. */
const MODERATED_FROM_PER_SECOND = 2_000;
/** The rate is taken over so long. */
const RATE_WINDOW_MS = 20;
/** Larger reads belong to bodies that want throughput. */
const SMALL_READ_BYTES = 4_096;

export interface EventModerationOptions {
  /** Milliseconds that never go back. */
  now(): number;
  /** Blocks the thread; null where that cannot be done: then nothing rests. */
  readonly sleepMicroseconds: ((microseconds: number) => void) | null;
  /** Calls once at the end of the present turn. */
  atEndOfTurn(callback: () => void): void;
}

export class EventModeration {
  readonly #options: EventModerationOptions;
  #isScheduled = false;
  #hasLargeRead = false;
  #readsInWindow = 0;
  #windowStartedAt: number;
  #isModerated = false;
  #turnStartedAt: number;
  readonly #endTurn = () => this.#rest();

  constructor(options: EventModerationOptions) {
    this.#options = options;
    this.#windowStartedAt = options.now();
    this.#turnStartedAt = options.now();
  }

  /** True while turns are followed by a rest. */
  get isModerated(): boolean {
    return this.#isModerated;
  }

  /** A read brought `bytes`. */
  read(bytes: number): void {
    if (this.#options.sleepMicroseconds === null) return;
    this.#readsInWindow++;
    if (bytes > SMALL_READ_BYTES) this.#hasLargeRead = true;
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#options.atEndOfTurn(this.#endTurn);
  }

  #rest(): void {
    this.#isScheduled = false;
    const { now, sleepMicroseconds } = this.#options;
    const endedAt = now();
    this.#judge(endedAt);
    const restMs = this.#turnStartedAt + TURN_MS - endedAt;
    const rests = this.#isModerated && !this.#hasLargeRead && restMs > 0;
    this.#hasLargeRead = false;
    if (rests) sleepMicroseconds?.(Math.ceil(restMs * 1000));
    this.#turnStartedAt = rests ? now() : endedAt;
  }

  #judge(at: number): void {
    const windowMs = at - this.#windowStartedAt;
    if (windowMs < RATE_WINDOW_MS) return;
    this.#isModerated = this.#readsInWindow * 1000 >= MODERATED_FROM_PER_SECOND * windowMs;
    this.#readsInWindow = 0;
    this.#windowStartedAt = at;
  }
}
