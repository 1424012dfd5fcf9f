/**
 * What the edge adds to answers that are event streams: comments that keep idle connections open, an error event in
 * front of a broken end, and a maximum age. Bytes pass at once and unchanged.
 *
 * Comments are put only between events and only while nothing waits to be sent, so they cost no memory and cannot
 * split an event.
 */
import { RelayError } from "../../shared/errors/relay_error.ts";
import type { Clock } from "../../shared/clock/clock.ts";
import { LazyTimer } from "../../shared/clock/lazy_timer.ts";
import type {
  AnswerHead,
  AnswerReceiver,
  ExchangeHandler,
  RequestReceiver,
} from "../../shared/exchange/exchange.ts";
import { errorEvent } from "../../shared/exchange/error_answer.ts";
import type { Fields } from "../../shared/exchange/fields.ts";
import { AnswerForwarder, RequestForwarder } from "../../shared/exchange/forwarder.ts";
import { ConsumptionLedger } from "./consumption_ledger.ts";
import { EventBoundary } from "./event_boundary.ts";

export interface EventStreamOptions {
  readonly clock: Clock;
  /** A comment goes out when nothing else did for so long; 0: never. */
  readonly heartbeatIntervalMs: number;
  /** An event stream is ended with `max_age_reached` after so long; 0: never. */
  readonly maxAgeMs: number;
  /** Told how many events passed: on most engines a token each. */
  onEvents(count: number): void;
}

const LF = 0x0a;
const CR = 0x0d;
const COMMENT = new TextEncoder().encode(": keep-alive\n\n");
const BLANK_LINES = new Uint8Array([0x0a, 0x0a]);

export function isEventStream(head: AnswerHead): boolean {
  return /^text\/event-stream\b/i.test(head.fields.get("content-type") ?? "");
}

/** Whether the body's bytes are the events themselves. */
export function isUncoded(head: AnswerHead): boolean {
  const coding = head.fields.get("content-encoding");
  return coding === undefined || coding.toLowerCase() === "identity";
}

export function keepEventStreams(options: EventStreamOptions, next: ExchangeHandler): ExchangeHandler {
  return (request, answer) => {
    const stream = new EventStreamAnswer(options, answer, request.context.id);
    stream.upstream = next(request, stream);
    return new EventStreamRequest(stream, stream.upstream);
  };
}

class EventStreamAnswer extends AnswerForwarder {
  readonly #options: EventStreamOptions;
  readonly #requestId: string;
  /** Null until the handler has returned. */
  upstream: RequestReceiver | null = null;
  /** Null unless the answer is an event stream. */
  #live: LiveEventStream | null = null;

  constructor(options: EventStreamOptions, answer: AnswerReceiver, requestId: string) {
    super(answer);
    this.#options = options;
    this.#requestId = requestId;
  }

  override head(head: AnswerHead): void {
    if (!isEventStream(head) || !isUncoded(head) || head.contentLength !== null) return super.head(head);
    head.fields.set("x-accel-buffering", "no");
    super.head(head);
    this.#live = new LiveEventStream(this.#options, this.answer, () => this.#expire());
  }

  override body(bytes: Uint8Array): void {
    this.#live?.passed(bytes);
    super.body(bytes);
  }

  override end(trailers: Fields | null): void {
    this.stop();
    super.end(trailers);
  }

  override abort(error: RelayError): void {
    this.stop();
    this.#live?.close(errorEvent(error, this.#requestId));
    super.abort(error);
  }

  /** Translates what the listener consumed; see {@linkcode ConsumptionLedger}. */
  freed(bytes: number): number {
    return this.#live === null ? bytes : this.#live.ledger.consumed(bytes);
  }

  /** The exchange is over: no timer may fire any more. */
  stop(): void {
    this.#live?.stop();
  }

  #expire(): void {
    const error = new RelayError("max_age_reached", { source: "internal" });
    this.upstream?.abort(error);
    this.abort(error);
  }
}

/** What is kept of an event stream while it goes on. */
class LiveEventStream {
  readonly ledger = new ConsumptionLedger();
  readonly #options: EventStreamOptions;
  readonly #answer: AnswerReceiver;
  readonly #boundary = new EventBoundary();
  readonly #timer: LazyTimer;
  readonly #expiresAt: number;
  /** When the last byte went out, or a comment could not. */
  #quietSince: number;
  #isOver = false;

  constructor(options: EventStreamOptions, answer: AnswerReceiver, onExpired: () => void) {
    this.#options = options;
    this.#answer = answer;
    this.#quietSince = options.clock.now();
    this.#expiresAt = options.maxAgeMs > 0 ? this.#quietSince + options.maxAgeMs : Number.POSITIVE_INFINITY;
    this.#timer = new LazyTimer({
      clock: () => options.clock.now(),
      after: (ms, callback) => options.clock.after(ms, callback),
      deadline: () => this.#deadline(),
      expired: () => options.clock.now() >= this.#expiresAt ? onExpired() : this.#comment(),
    });
    this.#timer.update();
  }

  passed(bytes: Uint8Array): void {
    this.#boundary.receiveTail(bytes);
    this.ledger.passed(bytes.length);
    this.#options.onEvents(countEvents(bytes));
    this.#quietSince = this.#options.clock.now();
  }

  /** Puts a last event behind what was sent, closing an event that is open. */
  close(lastEvent: Uint8Array): void {
    if (!this.#boundary.isAtBoundary) this.#add(BLANK_LINES);
    this.#add(lastEvent);
  }

  stop(): void {
    this.#isOver = true;
    this.#timer.stop();
  }

  #deadline(): number | null {
    if (this.#isOver) return null;
    const { heartbeatIntervalMs } = this.#options;
    const beatsAt = heartbeatIntervalMs > 0
      ? this.#quietSince + heartbeatIntervalMs
      : Number.POSITIVE_INFINITY;
    const at = Math.min(beatsAt, this.#expiresAt);
    return at === Number.POSITIVE_INFINITY ? null : at;
  }

  #comment(): void {
    this.#quietSince = this.#options.clock.now();
    if (this.#boundary.isAtBoundary && this.ledger.outstandingBytes === 0) this.#add(COMMENT);
  }

  #add(bytes: Uint8Array): void {
    this.ledger.changed(bytes.length, 0);
    this.#answer.body(bytes);
  }
}

/** Events that end within `bytes`, as far as one piece shows it: for rates, not for accounts. */
function countEvents(bytes: Uint8Array): number {
  let count = 0;
  for (let at = bytes.indexOf(LF); at >= 0; at = bytes.indexOf(LF, at + 1)) {
    if (bytes[at + 1] === LF || (bytes[at + 1] === CR && bytes[at + 2] === LF)) count++;
  }
  return count;
}

class EventStreamRequest extends RequestForwarder {
  readonly #stream: EventStreamAnswer;

  constructor(stream: EventStreamAnswer, request: RequestReceiver) {
    super(request);
    this.#stream = stream;
  }

  override answerConsumed(bytes: number): void {
    const freed = this.#stream.freed(bytes);
    if (freed > 0) super.answerConsumed(freed);
  }

  override abort(error: RelayError): void {
    this.#stream.stop();
    super.abort(error);
  }
}
