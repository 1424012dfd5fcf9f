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
import { DISCARD, refuse } from "../../shared/exchange/refuse.ts";

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
  #isClosed = false;

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
    if (this.#isClosed) return refuse(answer, new RelayError("draining", { source: "internal" }));
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

  /** Refuses all that wait or would have to: the node is going down. */
  close(): void {
    this.#isClosed = true;
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
  /** What came and was not passed on yet: also what comes while that is being done. */
  #kept: Uint8Array[] = [];
  #end: { trailers: Fields | null } | null = null;
  /** `playing`: {@linkcode #next} is there and gets what was kept. */
  #state: "waiting" | "playing" | "passing" | "over" = "waiting";
  #next: RequestReceiver = DISCARD;

  constructor(request: RequestHead, answer: AnswerReceiver, { onLeft }: { onLeft: () => void }) {
    this.#request = request;
    this.#answer = answer;
    this.#onLeft = onLeft;
  }

  /** Goes on if `open` takes the request. */
  start(open: WaitingRoomOptions["open"]): boolean {
    const next = open(this.#request, this.#answer);
    if (next === null) return false;
    this.stopTimer();
    this.#next = next;
    this.#state = "playing";
    // Each piece may be consumed at once, and that may bring more.
    for (let bytes = this.#kept.shift(); bytes !== undefined; bytes = this.#kept.shift()) {
      next.body(bytes);
      bytes.fill(0);
    }
    if (this.#isOver) return true;
    this.#state = "passing";
    if (this.#end !== null) next.end(this.#end.trailers);
    return true;
  }

  giveUp(error: RelayError): void {
    this.#drop();
    this.#answer.abort(error);
  }

  body(bytes: Uint8Array): void {
    if (this.#state === "passing") this.#next.body(bytes);
    else if (this.#state !== "over") this.#kept.push(bytes.slice());
  }

  end(trailers: Fields | null): void {
    if (this.#state === "passing") this.#next.end(trailers);
    else this.#end = { trailers };
  }

  abort(error: RelayError): void {
    const wasWaiting = this.#state === "waiting";
    this.#drop();
    if (wasWaiting) this.#onLeft();
    else this.#next.abort(error);
  }

  answerConsumed(bytes: number): void {
    this.#next.answerConsumed(bytes);
  }

  /** Not narrowed by earlier reads of the state, which calls change. */
  get #isOver(): boolean {
    return this.#state === "over";
  }

  #drop(): void {
    this.#state = "over";
    this.stopTimer();
    for (const bytes of this.#kept) bytes.fill(0);
    this.#kept = [];
  }
}
