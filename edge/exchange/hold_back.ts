/**
 * Watermarks for slow clients: once the answer bytes that wait for a client reach the high one, no consumption is
 * reported any more, so the core's credit and then the origin's socket run full and the origin pauses; at the low one
 * all of it is reported and the origin goes on. Without the distance between them a slow client would make the origin
 * stop and go for every few bytes.
 *
 * The policy for a client that takes nothing at all is the listener's stall time-out. Nothing is ever dropped.
 */
import { assert } from "../../shared/assert/assert.ts";
import {
  type AnswerReceiver,
  EXCHANGE_WINDOW_BYTES,
  type ExchangeHandler,
  type RequestReceiver,
} from "../../shared/exchange/exchange.ts";
import { AnswerForwarder, RequestForwarder } from "../../shared/exchange/forwarder.ts";

export interface HoldBackOptions {
  /** Shares of the exchange window: 0 ≤ low < high ≤ 1. */
  readonly highWatermark: number;
  readonly lowWatermark: number;
  /** Told each time an exchange is made to pause, for metrics. */
  onPaused(): void;
}

export function holdBack(options: HoldBackOptions, next: ExchangeHandler): ExchangeHandler {
  assert(options.lowWatermark < options.highWatermark, "the low watermark lies below the high one");
  return (request, answer) => {
    const watched = new WatchedAnswer(answer, options);
    return new WatchedRequest(next(request, watched), { watched, options });
  };
}

class WatchedAnswer extends AnswerForwarder {
  readonly #options: HoldBackOptions;
  waitingBytes = 0;
  isPaused = false;

  constructor(answer: AnswerReceiver, options: HoldBackOptions) {
    super(answer);
    this.#options = options;
  }

  override body(bytes: Uint8Array): void {
    this.waitingBytes += bytes.length;
    if (!this.isPaused && this.waitingBytes >= this.#options.highWatermark * EXCHANGE_WINDOW_BYTES) {
      this.isPaused = true;
      this.#options.onPaused();
    }
    super.body(bytes);
  }
}

class WatchedRequest extends RequestForwarder {
  readonly #watched: WatchedAnswer;
  readonly #lowBytes: number;
  #unreportedBytes = 0;

  constructor(
    request: RequestReceiver,
    { watched, options }: { watched: WatchedAnswer; options: HoldBackOptions },
  ) {
    super(request);
    this.#watched = watched;
    this.#lowBytes = options.lowWatermark * EXCHANGE_WINDOW_BYTES;
  }

  override answerConsumed(bytes: number): void {
    const watched = this.#watched;
    watched.waitingBytes -= bytes;
    this.#unreportedBytes += bytes;
    if (watched.isPaused && watched.waitingBytes > this.#lowBytes) return;
    watched.isPaused = false;
    const reported = this.#unreportedBytes;
    this.#unreportedBytes = 0;
    super.answerConsumed(reported);
  }
}
