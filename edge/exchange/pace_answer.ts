/**
 * The write-rate cap: one answer's body is taken from the tunnel no faster than `maxBytesPerSecond`. Nothing is
 * dropped and nothing is buffered here: consumption is reported late, so the window upstream does the slowing.
 *
 * A debt is kept instead of a bucket: bytes above the rate push the moment until which further reports wait.
 */
import type { Clock } from "../../shared/clock/clock.ts";
import type { RelayError } from "../../shared/errors/relay_error.ts";
import type { ExchangeHandler, RequestReceiver } from "../../shared/exchange/exchange.ts";
import type { Fields } from "../../shared/exchange/fields.ts";
import { AnswerForwarder, RequestForwarder } from "../../shared/exchange/forwarder.ts";

export interface PaceOptions {
  readonly clock: Clock;
  /** 0: no cap. */
  readonly maxBytesPerSecond: number;
}

/** Debt that is let pass without waiting, so that timers run only for bodies that really are too fast. */
const TOLERANCE_MS = 50;

export function paceAnswer(options: PaceOptions, next: ExchangeHandler): ExchangeHandler {
  if (options.maxBytesPerSecond === 0) return next;
  return (request, answer) => {
    const paced = new PacedAnswer(answer);
    paced.request = new PacedRequest(options, next(request, paced));
    return paced.request;
  };
}

class PacedRequest extends RequestForwarder {
  readonly #options: PaceOptions;
  /** The moment at which everything reported so far would have been sent at the capped rate. */
  #paidUntil = 0;
  #waitingBytes = 0;
  #stopTimer: (() => void) | null = null;

  constructor(options: PaceOptions, request: RequestReceiver) {
    super(request);
    this.#options = options;
  }

  override answerConsumed(bytes: number): void {
    const { clock, maxBytesPerSecond } = this.#options;
    const now = clock.now();
    this.#paidUntil = Math.max(this.#paidUntil, now) + (bytes * 1000) / maxBytesPerSecond;
    if (this.#stopTimer === null && this.#paidUntil - now <= TOLERANCE_MS) return super.answerConsumed(bytes);
    this.#waitingBytes += bytes;
    this.#stopTimer ??= clock.after(this.#paidUntil - now, () => this.#report());
  }

  override abort(error: RelayError): void {
    this.stop();
    super.abort(error);
  }

  /** The answer is complete: nobody waits for reports any more. */
  stop(): void {
    this.#stopTimer?.();
    this.#stopTimer = null;
  }

  #report(): void {
    this.#stopTimer = null;
    const { clock, maxBytesPerSecond } = this.#options;
    const owedMs = Math.max(0, this.#paidUntil - clock.now());
    const owedBytes = Math.min(this.#waitingBytes, Math.ceil((owedMs * maxBytesPerSecond) / 1000));
    const bytes = this.#waitingBytes - owedBytes;
    this.#waitingBytes = owedBytes;
    if (owedBytes > 0) this.#stopTimer = clock.after(owedMs, () => this.#report());
    if (bytes > 0) this.request.answerConsumed(bytes);
  }
}

class PacedAnswer extends AnswerForwarder {
  /** Null until the handler has returned. */
  request: PacedRequest | null = null;

  override end(trailers: Fields | null): void {
    this.request?.stop();
    super.end(trailers);
  }

  override abort(error: RelayError): void {
    this.request?.stop();
    super.abort(error);
  }
}
