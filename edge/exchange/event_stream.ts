/**
 * What the edge adds to answers that are event streams: comments that keep idle connections open, an error event in
 * front of a broken end, and a maximum age. Bytes pass at once and unchanged.
 *
 * Comments are put only between events and only while nothing waits to be sent, so they cost no memory and cannot
 * split an event.
 */
import { RelayError } from "../../shared/errors/relay_error.ts";
import type { Clock } from "../../shared/clock/clock.ts";
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
  /** Null unless the answer is an event stream that is still going on. */
  #live: { boundary: EventBoundary; ledger: ConsumptionLedger } | null = null;
  #stopHeartbeat = () => {};
  #stopMaxAge = () => {};
  #lastSentAt = 0;

  constructor(options: EventStreamOptions, answer: AnswerReceiver, requestId: string) {
    super(answer);
    this.#options = options;
    this.#requestId = requestId;
  }

  override head(head: AnswerHead): void {
    const isLive = isEventStream(head) && isUncoded(head) && head.contentLength === null;
    if (isLive) {
      this.#live = { boundary: new EventBoundary(), ledger: new ConsumptionLedger() };
      head.fields.set("x-accel-buffering", "no");
    }
    super.head(head);
    if (isLive) this.#startTimers();
  }

  override body(bytes: Uint8Array): void {
    if (this.#live !== null) {
      this.#live.boundary.receiveTail(bytes);
      this.#live.ledger.passed(bytes.length);
      this.#options.onEvents(countEvents(bytes));
      this.#lastSentAt = this.#options.clock.now();
    }
    super.body(bytes);
  }

  override end(trailers: Fields | null): void {
    this.stop();
    super.end(trailers);
  }

  override abort(error: RelayError): void {
    const live = this.#live;
    this.stop();
    if (live !== null) {
      if (!live.boundary.isAtBoundary) this.#add(live, BLANK_LINES);
      this.#add(live, errorEvent(error, this.#requestId));
    }
    super.abort(error);
  }

  /** Translates what the listener consumed; see {@linkcode ConsumptionLedger}. */
  freed(bytes: number): number {
    return this.#live === null ? bytes : this.#live.ledger.consumed(bytes);
  }

  /** The exchange is over: no timer may fire any more. */
  stop(): void {
    this.#stopHeartbeat();
    this.#stopMaxAge();
  }

  #startTimers(): void {
    const { heartbeatIntervalMs, maxAgeMs, clock } = this.#options;
    this.#lastSentAt = clock.now();
    if (heartbeatIntervalMs > 0) this.#armHeartbeat(heartbeatIntervalMs);
    if (maxAgeMs > 0) this.#stopMaxAge = clock.after(maxAgeMs, () => this.#expire());
  }

  #armHeartbeat(ms: number): void {
    this.#stopHeartbeat = this.#options.clock.after(ms, () => this.#beat());
  }

  #beat(): void {
    const { heartbeatIntervalMs, clock } = this.#options;
    const live = this.#live;
    if (live === null) return;
    const quietMs = clock.now() - this.#lastSentAt;
    if (quietMs < heartbeatIntervalMs) return this.#armHeartbeat(heartbeatIntervalMs - quietMs);
    if (live.boundary.isAtBoundary && live.ledger.outstandingBytes === 0) {
      this.#add(live, COMMENT);
      this.#lastSentAt = clock.now();
    }
    this.#armHeartbeat(heartbeatIntervalMs);
  }

  #expire(): void {
    const error = new RelayError("max_age_reached", { source: "internal" });
    this.upstream?.abort(error);
    this.abort(error);
  }

  #add(live: { ledger: ConsumptionLedger }, bytes: Uint8Array): void {
    live.ledger.changed(bytes.length, 0);
    this.answer.body(bytes);
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
