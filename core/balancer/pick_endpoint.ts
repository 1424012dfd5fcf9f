/**
 * Sends the exchange to an endpoint, and to the next one if the first could not be reached at all.
 *
 * Invariant: another endpoint is tried only while the first has taken no byte of the request and given none of an
 * answer (its error says `retry: other_endpoint`); until then a copy of the body, at most one window, is kept here.
 */
import { assert } from "../../shared/assert/assert.ts";
import { RelayError } from "../../shared/errors/relay_error.ts";
import {
  type AnswerHead,
  type AnswerReceiver,
  EXCHANGE_WINDOW_BYTES,
  type ExchangeHandler,
  type RequestReceiver,
} from "../../shared/exchange/exchange.ts";
import type { Fields } from "../../shared/exchange/fields.ts";
import { AnswerForwarder } from "../../shared/exchange/forwarder.ts";
import { DISCARD, refuse } from "../../shared/exchange/refuse.ts";
import type { CoreHandler, Routed } from "../exchange/core_exchange.ts";
import type { OriginEndpoint } from "../origin/origin_client.ts";
import type { EndpointPicker } from "./endpoint_picker.ts";

export interface PickEndpointOptions {
  readonly picker: EndpointPicker;
  /** The way to an endpoint. */
  dispatch(endpoint: OriginEndpoint): ExchangeHandler;
  /** Told of each endpoint that an exchange is sent to, for logs and metrics. */
  onPicked(exchange: Routed, endpoint: OriginEndpoint): void;
}

export function pickEndpoint(options: PickEndpointOptions): CoreHandler<Routed> {
  return (exchange, answer) => {
    const endpoint = options.picker.pick(exchange.route.origin, []);
    if (endpoint === null) {
      return refuse(answer, new RelayError("origin_unreachable", { source: "origin" }));
    }
    const attempts = new EndpointAttempts(options, exchange, answer);
    attempts.start(endpoint);
    return attempts;
  };
}

class EndpointAttempts implements RequestReceiver {
  readonly #options: PickEndpointOptions;
  readonly #exchange: Routed;
  readonly #answer: AnswerReceiver;
  readonly #tried: OriginEndpoint[] = [];
  #next: RequestReceiver = DISCARD;
  /** What the body has brought so far; null once the endpoint is settled. */
  #kept: Uint8Array[] | null = [];
  #keptBytes = 0;
  #end: { trailers: Fields | null } | null = null;

  constructor(options: PickEndpointOptions, exchange: Routed, answer: AnswerReceiver) {
    this.#options = options;
    this.#exchange = exchange;
    this.#answer = answer;
  }

  start(endpoint: OriginEndpoint): void {
    this.#tried.push(endpoint);
    this.#options.onPicked(this.#exchange, endpoint);
    const { request } = this.#exchange;
    const attempt = { ...request, fields: request.fields.clone() };
    this.#next = this.#options.dispatch(endpoint)(attempt, new AttemptAnswer(this, this.#answer));
  }

  body(bytes: Uint8Array): void {
    if (this.#kept !== null) {
      this.#keptBytes += bytes.length;
      assert(this.#keptBytes <= EXCHANGE_WINDOW_BYTES, "nothing was consumed, so one window is the most");
      this.#kept.push(bytes.slice());
    }
    this.#next.body(bytes);
  }

  end(trailers: Fields | null): void {
    this.#end = { trailers };
    this.#next.end(trailers);
  }

  abort(error: RelayError): void {
    this.#kept = null;
    this.#next.abort(error);
  }

  answerConsumed(bytes: number): void {
    this.#next.answerConsumed(bytes);
  }

  /** The endpoint works on the request: no other will be tried. */
  settle(): void {
    this.#kept = null;
  }

  failed(error: RelayError): void {
    const kept = this.#kept;
    const endpoint = kept === null || error.retry !== "other_endpoint"
      ? null
      : this.#options.picker.pick(this.#exchange.route.origin, this.#tried);
    if (kept === null || endpoint === null) {
      this.settle();
      return this.#answer.abort(error);
    }
    this.start(endpoint);
    for (const bytes of kept) this.#next.body(bytes);
    if (this.#end !== null) this.#next.end(this.#end.trailers);
  }
}

class AttemptAnswer extends AnswerForwarder {
  readonly #attempts: EndpointAttempts;

  constructor(attempts: EndpointAttempts, answer: AnswerReceiver) {
    super(answer);
    this.#attempts = attempts;
  }

  override informational(head: AnswerHead): void {
    this.#attempts.settle();
    super.informational(head);
  }

  override head(head: AnswerHead): void {
    this.#attempts.settle();
    super.head(head);
  }

  override requestConsumed(bytes: number): void {
    this.#attempts.settle();
    super.requestConsumed(bytes);
  }

  override abort(error: RelayError): void {
    this.#attempts.failed(error);
  }
}
