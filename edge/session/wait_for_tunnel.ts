/**
 * Requests that come while no session is up wait for one, up to a time and a number, and are then refused with 503 and
 * `Retry-After`. What their bodies bring meanwhile is kept: at most one window each, since nothing is reported as consumed.
 */
import { RelayError } from "../../shared/errors/relay_error.ts";
import type { Clock } from "../../shared/clock/clock.ts";
import type {
  AnswerReceiver,
  ExchangeHandler,
  RequestHead,
  RequestReceiver,
} from "../../shared/exchange/exchange.ts";
import type { Fields } from "../../shared/exchange/fields.ts";
import { refuse } from "../../shared/exchange/refuse.ts";

export interface WaitingRoomOptions {
  readonly clock: Clock;
  /** How long a request waits. */
  readonly waitTimeoutMs: number;
  /** How many wait at once. */
  readonly maxWaiting: number;
  /** Opens a stream; null if none can be opened now. */
  open(request: RequestHead, answer: AnswerReceiver): RequestReceiver | null;
}

export class WaitingRoom {
  readonly #options: WaitingRoomOptions;
  /** In order of arrival. */
  readonly #waiting = new Set<WaitingRequest>();

  constructor(options: WaitingRoomOptions) {
    this.#options = options;
  }

  get waitingCount(): number {
    return this.#waiting.size;
  }

  /** The way into the tunnel: at once, or as soon as there is one. */
  readonly handler: ExchangeHandler = (request, answer) => {
    const opened = this.#waiting.size > 0 ? null : this.#options.open(request, answer);
    if (opened !== null) return opened;
    if (this.#waiting.size >= this.#options.maxWaiting) {
      return refuse(answer, this.#refusal("tunnel_overloaded"));
    }
    return this.#wait(request, answer);
  };

  /** A session came up or has room again: lets in as many as it takes, the longest waiting first. */
  admit(): void {
    for (const waiting of this.#waiting) {
      if (!waiting.start(this.#options.open)) return;
      this.#waiting.delete(waiting);
    }
  }

  /** Refuses all that wait: the node is going down. */
  close(): void {
    for (const waiting of this.#waiting) waiting.giveUp(new RelayError("draining", { source: "internal" }));
    this.#waiting.clear();
  }

  #wait(request: RequestHead, answer: AnswerReceiver): RequestReceiver {
    const waiting = new WaitingRequest(request, answer, { onLeft: () => this.#waiting.delete(waiting) });
    waiting.stopTimer = this.#options.clock.after(this.#options.waitTimeoutMs, () => {
      this.#waiting.delete(waiting);
      waiting.giveUp(this.#refusal("tunnel_unavailable"));
    });
    this.#waiting.add(waiting);
    return waiting;
  }

  #refusal(code: "tunnel_unavailable" | "tunnel_overloaded"): RelayError {
    return new RelayError(code, { source: "tunnel", retry: "before_first_byte", retryAfterSeconds: 1 });
  }
}

class WaitingRequest implements RequestReceiver {
  readonly #request: RequestHead;
  readonly #answer: AnswerReceiver;
  readonly #onLeft: () => void;
  stopTimer = () => {};
  #kept: Uint8Array[] = [];
  #end: { trailers: Fields | null } | null = null;
  #next: RequestReceiver | null = null;

  constructor(request: RequestHead, answer: AnswerReceiver, { onLeft }: { onLeft: () => void }) {
    this.#request = request;
    this.#answer = answer;
    this.#onLeft = onLeft;
  }

  /** Goes on if `open` takes the request. */
  start(open: WaitingRoomOptions["open"]): boolean {
    this.#next = open(this.#request, this.#answer);
    if (this.#next === null) return false;
    this.stopTimer();
    for (const bytes of this.#kept) this.#next.body(bytes);
    this.#kept = [];
    if (this.#end !== null) this.#next.end(this.#end.trailers);
    return true;
  }

  giveUp(error: RelayError): void {
    this.stopTimer();
    this.#kept = [];
    this.#answer.abort(error);
  }

  body(bytes: Uint8Array): void {
    if (this.#next !== null) this.#next.body(bytes);
    else this.#kept.push(bytes.slice());
  }

  end(trailers: Fields | null): void {
    if (this.#next !== null) this.#next.end(trailers);
    else this.#end = { trailers };
  }

  abort(error: RelayError): void {
    if (this.#next !== null) return this.#next.abort(error);
    this.stopTimer();
    this.#kept = [];
    this.#onLeft();
  }

  answerConsumed(bytes: number): void {
    this.#next?.answerConsumed(bytes);
  }
}
