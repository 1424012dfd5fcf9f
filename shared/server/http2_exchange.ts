import { ERROR_TABLE } from "../errors/error_table.ts";
import { RelayError } from "../errors/relay_error.ts";
import { errorAnswer } from "../exchange/error_answer.ts";
import type { AnswerHead, AnswerReceiver, RequestReceiver } from "../exchange/exchange.ts";
import type { Fields } from "../exchange/fields.ts";
import { isBodyless } from "../http2/body_account.ts";
import type { Http2Connection } from "../http2/http2_connection.ts";
import { HTTP2_ERROR } from "../http2/http2_error.ts";
import type { Http2Stream } from "../http2/http2_stream.ts";

/** What an exchange needs of its connection. */
export interface Http2ExchangePort {
  readonly codec: Http2Connection<Http2Exchange>;
  /** There may be output. */
  wake(): void;
  exchangeEnded(): void;
}

/**
 * One exchange on an HTTP/2 stream, between the codec's events and the handler.
 *
 * It is over when the stream is closed or either side has aborted, and tells that once. Bytes of a complete
 * answer are still reported as consumed afterwards, since they leave later than the stream closes.
 */
export class Http2Exchange implements AnswerReceiver {
  readonly #port: Http2ExchangePort;
  readonly #stream: Http2Stream<Http2Exchange>;
  readonly #requestId: string;
  #request: RequestReceiver | null = null;
  #isRequestEnded = false;
  #isOver = false;
  #isAborted = false;
  #dropsBody = false;

  constructor(
    port: Http2ExchangePort,
    options: { stream: Http2Stream<Http2Exchange>; requestId: string },
  ) {
    this.#port = port;
    this.#stream = options.stream;
    this.#requestId = options.requestId;
  }

  /** The handler has returned. */
  attach(request: RequestReceiver): void {
    this.#request = request;
  }

  // From the connection.

  receiveBody(bytes: Uint8Array): void {
    if (!this.#isOver) this.#request?.body(bytes);
  }

  receiveEnd(trailers: Fields | null): void {
    if (this.#isOver) return;
    this.#isRequestEnded = true;
    this.#request?.end(trailers);
  }

  /** Bytes of the answer have been written to the socket. */
  sent(bytes: number): void {
    if (!this.#isAborted && !this.#dropsBody) this.#request?.answerConsumed(bytes);
  }

  /** The stream is closed; null: the answer is complete. */
  closed(error: RelayError | null): void {
    if (this.#isOver) return;
    if (error !== null) return this.#abortRequest(error);
    if (!this.#isRequestEnded) {
      // The answer did not need the rest of the request, and the client has been told to stop.
      return this.#abortRequest(
        new RelayError("client_left", {
          source: "downstream",
          message: "The answer was complete before the request.",
        }),
      );
    }
    this.#finish();
  }

  /** The request must not go on; the client is told why if nothing else was told yet. */
  refuse(error: RelayError): void {
    if (this.#isOver) return;
    this.#abortRequest(error);
    this.#breakAnswer(error);
  }

  // From the handler.

  informational(head: AnswerHead): void {
    if (this.#isOver) return;
    this.#port.codec.sendInformational(this.#stream, head);
    this.#port.wake();
  }

  head(head: AnswerHead): void {
    if (this.#isOver) return;
    this.#dropsBody = isBodyless(head.status, this.#stream.isHeadRequest);
    this.#port.codec.sendHead(this.#stream, head);
    this.#port.wake();
  }

  body(bytes: Uint8Array): void {
    if (this.#isOver) return;
    if (this.#dropsBody) this.#request?.answerConsumed(bytes.length);
    else if (this.#port.codec.sendBody(this.#stream, bytes)) this.#port.wake();
    else this.#fault("more body than announced or than the window of the exchange");
  }

  end(trailers: Fields | null): void {
    if (this.#isOver) return;
    if (this.#port.codec.sendEnd(this.#stream, trailers)) this.#port.wake();
    else this.#fault("less body than announced");
  }

  abort(error: RelayError): void {
    if (this.#isOver) return;
    if (this.#stream.sendState !== "open") {
      // The answer is complete: only the rest of the request is of no more use.
      this.#isRequestEnded = true;
      this.#port.codec.discard(this.#stream);
      return;
    }
    this.#isAborted = true;
    this.#finish();
    this.#breakAnswer(error);
  }

  requestConsumed(bytes: number): void {
    this.#port.codec.consumed(this.#stream, bytes);
    if (this.#port.codec.pendingOutputBytes > 0) this.#port.wake();
  }

  /** The handler broke the contract: neither side may take the exchange for complete. */
  #fault(message: string): void {
    this.#abortRequest(new RelayError("internal_error", { source: "internal", message }));
    this.#port.codec.reset(this.#stream, HTTP2_ERROR.INTERNAL_ERROR);
    this.#port.wake();
  }

  #breakAnswer(error: RelayError): void {
    const { codec } = this.#port;
    if (this.#stream.hasSentHead) codec.reset(this.#stream, ERROR_TABLE[error.code].http2Reset);
    else sendErrorAnswer(codec, { stream: this.#stream, error, requestId: this.#requestId });
    this.#port.wake();
  }

  #abortRequest(error: RelayError): void {
    this.#isAborted = true;
    this.#finish();
    this.#request?.abort(error);
  }

  #finish(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#port.exchangeEnded();
  }
}

/** Answers a request that will not be worked on. */
export function sendErrorAnswer(
  codec: Http2Connection<Http2Exchange>,
  refusal: { stream: Http2Stream<Http2Exchange>; error: RelayError; requestId: string },
): void {
  const { stream, error, requestId } = refusal;
  const { head, body } = errorAnswer(error, requestId);
  codec.discard(stream);
  codec.sendHead(stream, head);
  if (!stream.isHeadRequest) codec.sendBody(stream, body);
  codec.sendEnd(stream, null);
}
