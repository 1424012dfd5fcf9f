/** Sees every exchange that passes from its head to its end, and tells of it once. */
import type { RelayError } from "../errors/relay_error.ts";
import type { Clock } from "../clock/clock.ts";
import type {
  AnswerHead,
  AnswerReceiver,
  ExchangeHandler,
  RequestHead,
  RequestReceiver,
} from "../exchange/exchange.ts";
import type { Fields } from "../exchange/fields.ts";
import { AnswerForwarder, RequestForwarder } from "../exchange/forwarder.ts";

/** What is known of an exchange once it is over. */
export interface ExchangeReport {
  readonly request: RequestHead;
  /** Status of the answer; null: none went out. */
  readonly status: number | null;
  /** What cut the exchange short; null: it ended complete. */
  readonly error: RelayError | null;
  readonly requestBytes: number;
  readonly answerBytes: number;
  readonly durationMs: number;
  /** From the request's head to the first byte of the answer's body; null: there was none. */
  readonly firstByteMs: number | null;
}

export interface ExchangeWatcher {
  readonly clock: Clock;
  onStarted(request: RequestHead): void;
  onHead(request: RequestHead, head: AnswerHead): void;
  onEnded(report: ExchangeReport): void;
}

/** Wraps `next` so that `watcher` is told of each exchange: once when it starts and once when it is over. */
export function observeExchanges(watcher: ExchangeWatcher, next: ExchangeHandler): ExchangeHandler {
  return (request, answer) => {
    watcher.onStarted(request);
    const observed = new ObservedAnswer(watcher, request, answer);
    return new ObservedRequest(observed, next(request, observed));
  };
}

class ObservedAnswer extends AnswerForwarder {
  readonly #watcher: ExchangeWatcher;
  readonly #request: RequestHead;
  readonly #startedAt: number;
  #status: number | null = null;
  #firstByteMs: number | null = null;
  #answerBytes = 0;
  requestBytes = 0;
  #isOver = false;

  constructor(watcher: ExchangeWatcher, request: RequestHead, answer: AnswerReceiver) {
    super(answer);
    this.#watcher = watcher;
    this.#request = request;
    this.#startedAt = watcher.clock.now();
  }

  override head(head: AnswerHead): void {
    this.#status = head.status;
    this.#watcher.onHead(this.#request, head);
    super.head(head);
  }

  override body(bytes: Uint8Array): void {
    if (this.#answerBytes === 0) this.#firstByteMs = this.#watcher.clock.now() - this.#startedAt;
    this.#answerBytes += bytes.length;
    super.body(bytes);
  }

  override end(trailers: Fields | null): void {
    this.over(null);
    super.end(trailers);
  }

  override abort(error: RelayError): void {
    this.over(error);
    super.abort(error);
  }

  over(error: RelayError | null): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#watcher.onEnded({
      request: this.#request,
      status: this.#status,
      error,
      requestBytes: this.requestBytes,
      answerBytes: this.#answerBytes,
      durationMs: this.#watcher.clock.now() - this.#startedAt,
      firstByteMs: this.#firstByteMs,
    });
  }
}

class ObservedRequest extends RequestForwarder {
  readonly #observed: ObservedAnswer;

  constructor(observed: ObservedAnswer, request: RequestReceiver) {
    super(request);
    this.#observed = observed;
  }

  override body(bytes: Uint8Array): void {
    this.#observed.requestBytes += bytes.length;
    super.body(bytes);
  }

  override abort(error: RelayError): void {
    this.#observed.over(error);
    super.abort(error);
  }
}
