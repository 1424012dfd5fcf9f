/**
 * One exchange with a model server: holds the request until there is a connection, then lives on it.
 *
 *     waiting → sending → answered → over      (answered: the rest of the request is taken and dropped)
 */
import { OutputBuffer } from "../../shared/buffers/output_buffer.ts";
import { RelayError } from "../../shared/errors/relay_error.ts";
import type {
  AnswerHead,
  AnswerReceiver,
  RequestHead,
  RequestReceiver,
} from "../../shared/exchange/exchange.ts";
import type { Fields } from "../../shared/exchange/fields.ts";
import type { ConnectAttempt } from "./connect_attempt.ts";
import type { ConnectionLoss, OriginConnection, OriginConnectionUser } from "./origin_connection.ts";

export interface OriginExchangeOptions {
  readonly answer: AnswerReceiver;
  /** Gets a fresh connection for `exchange`, whose kept one was stale. */
  beginAgain(exchange: OriginExchange): void;
}

/** Methods that may be sent twice (RFC 9110 §9.2.2). */
const IDEMPOTENT_METHODS = new Set(["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"]);

export class OriginExchange implements RequestReceiver, OriginConnectionUser {
  /** As it goes to the endpoint. */
  readonly request: RequestHead;
  readonly #options: OriginExchangeOptions;
  #state: "waiting" | "sending" | "answered" | "over" = "waiting";
  #attempt: ConnectAttempt | null = null;
  #connection: OriginConnection | null = null;
  /** What came while waiting: at most one window, since nothing was reported as consumed. */
  readonly #held = new OutputBuffer();
  #end: { trailers: Fields | null } | null = null;
  #hasSentBody = false;

  constructor(request: RequestHead, options: OriginExchangeOptions) {
    this.request = request;
    this.#options = options;
  }

  get isOver(): boolean {
    return this.#state === "over";
  }

  /** The attempt is closed with the exchange. */
  waitFor(attempt: ConnectAttempt): void {
    this.#attempt = attempt;
  }

  /** The exchange cannot be made, or not be completed. */
  fail(error: RelayError): void {
    if (this.#state === "over") return;
    const wasAnswered = this.#state === "answered";
    this.#finish();
    if (!wasAnswered) this.#options.answer.abort(error);
  }

  // From downstream.

  body(bytes: Uint8Array): void {
    switch (this.#state) {
      case "waiting":
        return this.#held.append(bytes);
      case "sending":
        this.#hasSentBody = true;
        return this.#try(() => this.#connection?.sendBody(bytes));
      case "answered":
        return this.#options.answer.requestConsumed(bytes.length);
    }
  }

  end(trailers: Fields | null): void {
    this.#end = { trailers };
    if (this.#state === "sending") this.#try(() => this.#connection?.sendEnd(trailers));
    else if (this.#state === "answered") this.#finish();
  }

  abort(): void {
    if (this.#state === "over") return;
    this.#finish();
  }

  answerConsumed(bytes: number): void {
    if (this.#state === "sending") this.#connection?.answerConsumed(bytes);
  }

  // From the connection.

  begunOn(connection: OriginConnection): void {
    this.#attempt = null;
    this.#connection = connection;
    this.#state = "sending";
    for (let held = this.#held.take(); held !== null; held = this.#held.take()) {
      this.#hasSentBody = true;
      connection.sendBody(held);
      this.#held.release(held);
    }
    if (this.#end !== null) connection.sendEnd(this.#end.trailers);
  }

  requestConsumed(bytes: number): void {
    this.#options.answer.requestConsumed(bytes);
  }

  informational(head: AnswerHead): void {
    this.#options.answer.informational(head);
  }

  head(head: AnswerHead): void {
    this.#options.answer.head(head);
  }

  answerBody(bytes: Uint8Array): void {
    this.#options.answer.body(bytes);
  }

  answerEnd(trailers: Fields | null): void {
    this.#connection = null;
    this.#state = "answered";
    if (this.#end !== null) this.#finish();
    this.#options.answer.end(trailers);
  }

  /** Goes on over a fresh connection if a stale one cannot have begun to work on the request. */
  connectionLost({ error, isStale }: ConnectionLoss): void {
    this.#connection = null;
    if (!isStale || !this.#maySendAgain) return this.fail(error);
    this.#state = "waiting";
    this.#options.beginAgain(this);
  }

  get #maySendAgain(): boolean {
    if (this.#hasSentBody) return false;
    const isSentWhole = this.#end !== null || this.request.contentLength === 0;
    return !isSentWhole || IDEMPOTENT_METHODS.has(this.request.method);
  }

  /** A request that is longer or shorter than announced is our own side's fault. */
  #try(step: () => void): void {
    try {
      step();
    } catch (cause) {
      this.fail(new RelayError("internal_error", { source: "internal", cause }));
    }
  }

  #finish(): void {
    this.#state = "over";
    this.#held.clear();
    this.#attempt?.close();
    this.#connection?.close();
    this.#attempt = null;
    this.#connection = null;
  }
}
