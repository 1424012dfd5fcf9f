/**
 * Sends several small events in one piece: fewer packets and less processor time for a bounded delay.
 *
 * The first event always goes out at once, since its delay is the one that a user sees; an event waits `maxDelayMs`
 * at the most; nothing waits behind the end. Off while `maxEvents` is 1.
 */
import type { RelayError } from "../../shared/errors/relay_error.ts";
import type { Clock } from "../../shared/clock/clock.ts";
import type {
  AnswerHead,
  AnswerReceiver,
  ExchangeHandler,
  RequestReceiver,
} from "../../shared/exchange/exchange.ts";
import type { Fields } from "../../shared/exchange/fields.ts";
import { AnswerForwarder, RequestForwarder } from "../../shared/exchange/forwarder.ts";
import { EventBoundary } from "./event_boundary.ts";
import { isEventStream, isUncoded } from "./event_stream.ts";

export interface CoalesceOptions {
  readonly clock: Clock;
  /** Events that are sent together at the most; 1: off. */
  readonly maxEvents: number;
  /** Longest wait of an event. */
  readonly maxDelayMs: number;
}

/** More waiting bytes than this go out at once: large events gain nothing. */
const MAX_HELD_BYTES = 16 * 1024;

export function coalesceEvents(options: CoalesceOptions, next: ExchangeHandler): ExchangeHandler {
  if (options.maxEvents <= 1) return next;
  return (request, answer) => {
    const coalesced = new CoalescedAnswer(options, answer);
    return new CoalescedRequest(coalesced, next(request, coalesced));
  };
}

class CoalescedAnswer extends AnswerForwarder {
  readonly #options: CoalesceOptions;
  /** Null for answers that pass as they are. */
  #boundary: EventBoundary | null = null;
  /** Null while nothing waits. */
  #held: Uint8Array | null = null;
  #heldBytes = 0;
  #sentEvents = 0;
  #stopTimer = () => {};

  constructor(options: CoalesceOptions, answer: AnswerReceiver) {
    super(answer);
    this.#options = options;
  }

  override head(head: AnswerHead): void {
    if (isEventStream(head) && isUncoded(head)) this.#boundary = new EventBoundary();
    super.head(head);
  }

  override body(bytes: Uint8Array): void {
    const boundary = this.#boundary;
    if (boundary === null) return super.body(bytes);
    const isFirst = boundary.eventCount === 0;
    boundary.receive(bytes);
    if (isFirst || this.#heldBytes + bytes.length > MAX_HELD_BYTES) {
      this.flush();
      this.#sentEvents = boundary.eventCount;
      return super.body(bytes);
    }
    this.#hold(bytes);
    if (boundary.eventCount - this.#sentEvents >= this.#options.maxEvents) this.flush();
  }

  override end(trailers: Fields | null): void {
    this.flush();
    super.end(trailers);
  }

  override abort(error: RelayError): void {
    this.flush();
    super.abort(error);
  }

  /** Sends what waits. */
  flush(): void {
    this.#stopTimer();
    if (this.#held === null) return;
    const bytes = this.#held.subarray(0, this.#heldBytes);
    this.#held = null;
    this.#heldBytes = 0;
    this.#sentEvents = this.#boundary?.eventCount ?? 0;
    this.answer.body(bytes);
  }

  /** The client left: forgets what waits. */
  stop(): void {
    this.#stopTimer();
    this.#held = null;
    this.#heldBytes = 0;
  }

  #hold(bytes: Uint8Array): void {
    if (this.#held === null) {
      this.#held = new Uint8Array(MAX_HELD_BYTES);
      this.#stopTimer = this.#options.clock.after(this.#options.maxDelayMs, () => this.flush());
    }
    this.#held.set(bytes, this.#heldBytes);
    this.#heldBytes += bytes.length;
  }
}

class CoalescedRequest extends RequestForwarder {
  readonly #coalesced: CoalescedAnswer;

  constructor(coalesced: CoalescedAnswer, request: RequestReceiver) {
    super(request);
    this.#coalesced = coalesced;
  }

  override abort(error: RelayError): void {
    this.#coalesced.stop();
    super.abort(error);
  }
}
