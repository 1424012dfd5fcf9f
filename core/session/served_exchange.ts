/** The core's end of a stream: a stream of the session on one side, the core's pipeline on the other. */
import { ERROR_TABLE, errorCodeOf } from "../../shared/errors/error_table.ts";
import { RelayError } from "../../shared/errors/relay_error.ts";
import { errorAnswer } from "../../shared/exchange/error_answer.ts";
import type {
  AnswerHead,
  AnswerReceiver,
  ExchangeHandler,
  RequestReceiver,
} from "../../shared/exchange/exchange.ts";
import type { Fields } from "../../shared/exchange/fields.ts";
import {
  decodeRequestHead,
  decodeTrailers,
  encodeAnswerHead,
  encodeTrailers,
  HeadCodecError,
} from "../../shared/exchange/head_codec.ts";
import { DISCARD } from "../../shared/exchange/refuse.ts";
import type { StreamOwner } from "../../shared/session/stream_owner.ts";
import type { StreamResetEvent } from "../../shared/tunnel/session_event.ts";
import type { SessionStream } from "../../shared/tunnel/session_stream.ts";

/** Hands a stream that an edge opened to `handler`; sets the stream's owner. */
export function serveStream(
  stream: SessionStream<StreamOwner>,
  head: Uint8Array,
  { handler }: { handler: ExchangeHandler },
): void {
  const exchange = new ServedExchange(stream);
  stream.owner = exchange;
  try {
    const request = decodeRequestHead(head);
    exchange.requestId = request.context.id;
    exchange.request = handler(request, exchange);
  } catch (cause) {
    if (!(cause instanceof HeadCodecError)) throw cause;
    stream.reset(ERROR_TABLE.internal_error.tunnelCode);
  }
}

class ServedExchange implements AnswerReceiver, StreamOwner {
  readonly #stream: SessionStream<StreamOwner>;
  requestId = "";
  request: RequestReceiver = DISCARD;
  #hasHead = false;

  constructor(stream: SessionStream<StreamOwner>) {
    this.#stream = stream;
  }

  informational(head: AnswerHead): void {
    this.#stream.sendInformational(encodeAnswerHead(head));
  }

  head(head: AnswerHead): void {
    this.#hasHead = true;
    this.#stream.sendHead(encodeAnswerHead(head));
  }

  body(bytes: Uint8Array): void {
    const sentBytes = this.#stream.sendData(bytes);
    if (sentBytes > 0) this.request.answerConsumed(sentBytes);
  }

  end(trailers: Fields | null): void {
    this.#stream.sendEnd(encodeTrailers(trailers));
  }

  /** Before the head an error is a whole answer, so that its text and `Retry-After` reach the client. */
  abort(error: RelayError): void {
    if (this.#hasHead || this.#stream.isClosed) {
      return this.#stream.reset(ERROR_TABLE[error.code].tunnelCode);
    }
    const { head, body } = errorAnswer(error, this.requestId);
    this.request = DISCARD;
    this.head(head);
    this.#stream.sendData(body);
    this.#stream.sendEnd(encodeTrailers(null));
  }

  requestConsumed(bytes: number): void {
    this.#stream.consumed(bytes);
  }

  onInformational(): void {
    // The session refuses these frames from an edge.
  }

  onHead(): void {
    // The session refuses these frames from an edge.
  }

  onData(bytes: Uint8Array): void {
    if (this.request === DISCARD) this.#stream.consumed(bytes.length);
    else this.request.body(bytes);
  }

  onEnd(trailers: Uint8Array): void {
    let decoded: Fields | null;
    try {
      decoded = decodeTrailers(trailers);
    } catch (cause) {
      if (!(cause instanceof HeadCodecError)) throw cause;
      const error = new RelayError("internal_error", { source: "tunnel", cause });
      this.request.abort(error);
      return this.#stream.reset(ERROR_TABLE.internal_error.tunnelCode);
    }
    this.request.end(decoded);
  }

  onReset(event: StreamResetEvent<StreamOwner>): void {
    const error = event.by === "peer"
      ? new RelayError(errorCodeOf(event.code), { source: "downstream" })
      : new RelayError("tunnel_lost", { source: "tunnel" });
    this.request.abort(error);
  }

  onSent(bytes: number): void {
    this.request.answerConsumed(bytes);
  }
}
