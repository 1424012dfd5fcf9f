/** The core's end of a stream: a stream of the session on one side, the core's pipeline on the other. */
import { ERROR_TABLE, type ErrorCode, errorCodeOf } from "../../shared/errors/error_table.ts";
import { RelayError } from "../../shared/errors/relay_error.ts";
import { errorAnswer } from "../../shared/exchange/error_answer.ts";
import type {
  AnswerHead,
  AnswerReceiver,
  ExchangeHandler,
  RequestHead,
  RequestReceiver,
} from "../../shared/exchange/exchange.ts";
import type { Fields } from "../../shared/exchange/fields.ts";
import {
  decodeRequestHead,
  decodeTrailers,
  encodeAnswerHead,
  encodeTrailers,
} from "../../shared/exchange/head_codec.ts";
import { DISCARD } from "../../shared/exchange/refuse.ts";
import { ExchangeFlow } from "../../shared/observe/exchange_flow.ts";
import type { StallWatch } from "../../shared/observe/stall_watch.ts";
import { isBulkBody } from "../../shared/session/bulk_body.ts";
import type { SessionDriver } from "../../shared/session/session_driver.ts";
import type { StreamOwner } from "../../shared/session/stream_owner.ts";
import type { StreamResetEvent } from "../../shared/tunnel/session_event.ts";
import type { SessionStream } from "../../shared/tunnel/session_stream.ts";

export interface ServeOptions {
  readonly handler: ExchangeHandler;
  /** Watches the exchanges of clients, which `driver`'s session carries; null: nothing does. @default null */
  readonly watched?: { readonly stalls: StallWatch; readonly driver: SessionDriver } | null;
}

/** Hands a stream that an edge opened to `handler`; sets the stream's owner. */
export function serveStream(
  stream: SessionStream<StreamOwner>,
  head: Uint8Array,
  { handler, watched = null }: ServeOptions,
): void {
  const exchange = new ServedExchange(stream);
  stream.owner = exchange;
  const request = decodeRequestHead(head);
  const { id, kind } = request.context;
  if (watched !== null && kind === "client") {
    watched.stalls.add({ requestId: id, flow: exchange.flow, stream, driver: watched.driver });
  }
  exchange.start(request, handler);
}

class ServedExchange implements AnswerReceiver, StreamOwner {
  readonly flow = new ExchangeFlow();
  readonly #stream: SessionStream<StreamOwner>;
  #requestId = "";
  #request: RequestReceiver = DISCARD;
  #answer: "awaited" | "streaming" | "complete" = "awaited";
  /** Neither side is told any more. */
  #isOver = false;

  constructor(stream: SessionStream<StreamOwner>) {
    this.#stream = stream;
  }

  start(request: RequestHead, handler: ExchangeHandler): void {
    this.#requestId = request.context.id;
    this.#request = handler(request, this);
  }

  // From the handler.

  informational(head: AnswerHead): void {
    if (this.#isOver) return;
    try {
      this.#stream.sendInformational(encodeAnswerHead(head));
    } catch (cause) {
      this.onFault(cause);
    }
  }

  head(head: AnswerHead): void {
    if (this.#isOver) return;
    try {
      this.#stream.sendHead(encodeAnswerHead(head), isBulkBody(head.contentLength));
      this.#answer = "streaming";
    } catch (cause) {
      this.onFault(cause);
    }
  }

  body(bytes: Uint8Array): void {
    if (this.#isOver) return;
    this.flow.moves++;
    this.flow.hasAnswerBegun = true;
    try {
      const sentBytes = this.#stream.sendData(bytes);
      if (sentBytes > 0) this.#request.answerConsumed(sentBytes);
    } catch (cause) {
      this.onFault(cause);
    }
  }

  end(trailers: Fields | null): void {
    if (this.#isOver) return;
    this.flow.hasAnswerEnded = true;
    try {
      this.#stream.sendEnd(encodeTrailers(trailers));
      this.#answer = "complete";
    } catch (cause) {
      this.onFault(cause);
    }
  }

  /**
   * Before the head an error is a whole answer, so that its text and `Retry-After` reach the client. Behind a complete
   * answer, which may still be held, only the request is given up: a reset would cut the answer.
   */
  abort(error: RelayError): void {
    if (this.#isOver) return;
    this.#request = DISCARD;
    this.flow.unconsumedBytes = 0;
    if (this.#answer === "complete") return;
    if (this.#answer === "streaming") return this.#reset(error.code);
    const { head, body } = errorAnswer(error, this.#requestId);
    this.head(head);
    this.body(body);
    this.end(null);
  }

  requestConsumed(bytes: number): void {
    if (this.#isOver || this.#request === DISCARD) return;
    this.flow.consumed(bytes);
    try {
      this.#stream.consumed(bytes);
    } catch (cause) {
      this.onFault(cause);
    }
  }

  // From the session, which refuses answer heads from an edge.

  onInformational(): void {}

  onHead(): void {}

  onData(bytes: Uint8Array): void {
    if (this.#request === DISCARD) {
      this.flow.moves++;
      this.#stream.consumed(bytes.length);
    } else {
      this.flow.received(bytes.length);
      this.#request.body(bytes);
    }
  }

  onEnd(trailers: Uint8Array): void {
    this.flow.hasRequestEnded = true;
    this.#request.end(decodeTrailers(trailers));
  }

  onReset(event: StreamResetEvent<StreamOwner>): void {
    const error = event.by === "peer"
      ? new RelayError(errorCodeOf(event.code), { source: "downstream" })
      : new RelayError("tunnel_lost", { source: "tunnel" });
    this.#abortRequest(error);
  }

  onSent(bytes: number): void {
    this.flow.moves++;
    this.#request.answerConsumed(bytes);
  }

  /** Also for a head or trailers of the edge that are malformed. */
  onFault(cause: unknown): void {
    if (this.#isOver) return;
    this.#reset("internal_error");
    this.#abortRequest(new RelayError("internal_error", { source: "internal", cause }));
  }

  #abortRequest(error: RelayError): void {
    const request = this.#request;
    this.#request = DISCARD;
    this.#isOver = true;
    request.abort(error);
  }

  #reset(code: ErrorCode): void {
    this.#isOver = true;
    this.#stream.reset(ERROR_TABLE[code].tunnelCode);
  }
}
