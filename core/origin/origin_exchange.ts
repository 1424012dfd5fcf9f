/** One exchange with a model server: holds the request until there is a connection, then lives on it. */
import type { RelayError } from "../../shared/errors/relay_error.ts";
import {
  type AnswerHead,
  type AnswerReceiver,
  type RequestHead,
  type RequestReceiver,
} from "../../shared/exchange/exchange.ts";
import type { Fields } from "../../shared/exchange/fields.ts";
import type { ConnectAttempt } from "./connect_attempt.ts";
import type { OriginConnection } from "./origin_connection.ts";

export interface OriginExchangeOptions {
  readonly request: RequestHead;
  readonly answer: AnswerReceiver;
  /** Gets a fresh connection for `exchange`, whose kept one was stale. */
  reconnect(exchange: OriginExchange): void;
}

export class OriginExchange implements RequestReceiver {
  readonly #options: OriginExchangeOptions;
  /** Null while there is no connection. */
  #connection: OriginConnection | null = null;
  #attempt: ConnectAttempt | null = null;
  /** What came while there was no connection: at most one window, since nothing was reported as consumed. */
  #held: Uint8Array[] = [];
  #end: { trailers: Fields | null } | null = null;
  #hasBodyBegun = false;
  #isOver = false;

  constructor(options: OriginExchangeOptions) {
    this.#options = options;
  }

  get request(): RequestHead {
    return this.#options.request;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  waitFor(attempt: ConnectAttempt): void {
    this.#attempt = attempt;
  }

  /** The connection has taken the request's head: gives it what was held. */
  begunOn(connection: OriginConnection): void {
    this.#attempt = null;
    this.#connection = connection;
    for (const bytes of this.#held) connection.sendBody(bytes);
    this.#hasBodyBegun ||= this.#held.length > 0;
    this.#held = [];
    if (this.#end !== null) connection.sendEnd(this.#end.trailers);
  }

  body(bytes: Uint8Array): void {
    if (this.#isOver) return;
    if (this.#connection === null) this.#held.push(bytes.slice());
    else {
      this.#hasBodyBegun = true;
      this.#connection.sendBody(bytes);
    }
  }

  end(trailers: Fields | null): void {
    if (this.#isOver) return;
    this.#end = { trailers };
    this.#connection?.sendEnd(trailers);
  }

  abort(): void {
    if (this.#isOver) return;
    this.#finish();
    this.#attempt?.close();
    this.#connection?.close();
  }

  answerConsumed(bytes: number): void {
    if (!this.#isOver) this.#connection?.answerConsumed(bytes);
  }

  requestConsumed(bytes: number): void {
    if (!this.#isOver) this.#options.answer.requestConsumed(bytes);
  }

  informational(head: AnswerHead): void {
    if (!this.#isOver) this.#options.answer.informational(head);
  }

  head(head: AnswerHead): void {
    if (!this.#isOver) this.#options.answer.head(head);
  }

  answerBody(bytes: Uint8Array): void {
    if (!this.#isOver) this.#options.answer.body(bytes);
  }

  answerEnd(trailers: Fields | null): void {
    if (this.#isOver) return;
    this.#finish();
    this.#options.answer.end(trailers);
  }

  /** The answer will not come, or not be complete. */
  failed(error: RelayError): void {
    if (this.#isOver) return;
    this.#finish();
    this.#options.answer.abort(error);
  }

  /**
   * A kept connection died before a byte of the answer: the server had closed it while it was idle, most likely.
   * Returns whether the exchange goes on over a fresh one, which it does only if no body was begun: nobody can tell
   * what became of a body that was.
   */
  canStartAgain(): boolean {
    if (this.#isOver || this.#hasBodyBegun) return false;
    this.#connection = null;
    this.#options.reconnect(this);
    return true;
  }

  #finish(): void {
    this.#isOver = true;
    this.#held = [];
  }
}
