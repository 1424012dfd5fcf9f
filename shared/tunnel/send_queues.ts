/**
 * What a session sends: its two logs, and the streams that wait for room in each.
 *
 * A direction of a stream uses one log at a time and changes only when the peer has all of its frames; in the other log the
 * next one might overtake them.
 */
import { CarriedLog } from "./carried_log.ts";
import type { SessionLimits } from "./session_limits.ts";
import type { Stream } from "./stream.ts";
import { StreamScheduler } from "./stream_scheduler.ts";

/** Output of a log that waits before its lane takes it; what is more stays in the streams. */
const MAX_PENDING_BYTES = 64 * 1024;
/** Longer pieces are bulk. */
const MAX_TOKEN_BYTES = 4 * 1024;
/** Of what may be retained: so that bulk on a dead lane leaves room for tokens. */
const MAX_BULK_SHARE = 0.75;

export interface SendQueuesOptions<T> {
  readonly limits: SessionLimits;
  /** Frames went into the log. */
  logGrew(carried: CarriedLog): void;
  /** So many bytes of data that the stream held are in the log. */
  sent(stream: Stream<T>, bytes: number): void;
  /** The stream's end is in the log. */
  sendFinished(stream: Stream<T>): void;
}

export class SendQueues<T> {
  readonly tokens: CarriedLog = new CarriedLog("tokens");
  readonly bulk: CarriedLog = new CarriedLog("bulk");
  /** Bytes that streams hold for want of credit or room. */
  heldBytes = 0;
  readonly #options: SendQueuesOptions<T>;
  readonly #waitingTokens = new StreamScheduler<Stream<T>>();
  readonly #waitingBulk = new StreamScheduler<Stream<T>>();

  constructor(options: SendQueuesOptions<T>) {
    this.#options = options;
  }

  get retainedBytes(): number {
    return this.tokens.log.retainedBytes + this.bulk.log.retainedBytes;
  }

  get bytesResent(): number {
    return this.tokens.bytesResent + this.bulk.bytesResent;
  }

  /** Gives the stream the other log if its next piece, of so many bytes, belongs there and nothing of it is under way. */
  chooseLog(stream: Stream<T>, { bytes, isBulk }: { bytes: number; isBulk: boolean }): void {
    const { carried, sender } = stream;
    const wanted = isBulk || bytes > MAX_TOKEN_BYTES ? this.bulk : this.tokens;
    if (wanted === carried || sender.hasHeld || stream.sentPosition > carried.log.ackedPosition) return;
    stream.carried = wanted;
    stream.sentPosition = 0;
  }

  /** Bytes that a piece of `bytes` may put into the stream's log at once; 0 while others wait before it. */
  directBudget({ carried }: Stream<T>, bytes: number): number {
    return this.#waitingFor(carried).isFreeFor(bytes) ? this.#room(carried) : 0;
  }

  /** The stream holds something that may go. */
  becameReady(stream: Stream<T>): void {
    this.#waitingFor(stream.carried).add(stream);
    this.fill(stream.carried);
  }

  remove(stream: Stream<T>): void {
    this.#waitingFor(stream.carried).remove(stream);
  }

  /** The peer has everything before `position`: what it made room for moves up, in either log since they share a bound. */
  acknowledge(carried: CarriedLog, position: number): void {
    carried.log.acknowledge(position);
    this.fill(this.tokens);
    this.fill(this.bulk);
  }

  /** Moves what streams hold into the log, as long as it has room. */
  fill(carried: CarriedLog): void {
    const waiting = this.#waitingFor(carried);
    if (waiting.size === 0) return;
    while (this.#room(carried) > 0) {
      const stream = waiting.next();
      if (stream === null) break;
      const heldBefore = stream.sender.heldBytes;
      const bytes = stream.moveFrame();
      this.heldBytes -= heldBefore - stream.sender.heldBytes;
      if (bytes > 0) this.#options.sent(stream, bytes);
      if (stream.sender.isReady) waiting.add(stream);
      else if (stream.sender.isFinished) this.#options.sendFinished(stream);
      this.#options.logGrew(carried);
    }
  }

  /** Drops everything, wiped. */
  clear(): void {
    this.#waitingTokens.clear();
    this.#waitingBulk.clear();
    this.tokens.log.clear();
    this.bulk.log.clear();
  }

  #waitingFor(carried: CarriedLog): StreamScheduler<Stream<T>> {
    return carried === this.tokens ? this.#waitingTokens : this.#waitingBulk;
  }

  #room(carried: CarriedLog): number {
    const { maxRetainedBytes } = this.#options.limits;
    const room = Math.min(MAX_PENDING_BYTES - carried.pendingBytes, maxRetainedBytes - this.retainedBytes);
    return carried === this.tokens
      ? room
      : Math.min(room, MAX_BULK_SHARE * maxRetainedBytes - carried.log.retainedBytes);
  }
}
