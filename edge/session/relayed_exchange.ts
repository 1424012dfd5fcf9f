/** The edge's end of a stream: an exchange on one side, a stream of the session on the other. */
import { assert } from "../../shared/assert/assert.ts";
import { ERROR_TABLE, errorCodeOf } from "../../shared/errors/error_table.ts";
import { type ErrorSource, RelayError } from "../../shared/errors/relay_error.ts";
import type { AnswerReceiver, RequestHead, RequestReceiver } from "../../shared/exchange/exchange.ts";
import type { Fields } from "../../shared/exchange/fields.ts";
import {
  decodeAnswerHead,
  decodeTrailers,
  encodeRequestHead,
  encodeTrailers,
  HeadCodecError,
} from "../../shared/exchange/head_codec.ts";
import type { SessionDriver } from "../../shared/session/session_driver.ts";
import type { StreamOwner } from "../../shared/session/stream_owner.ts";
import type { StreamResetEvent } from "../../shared/tunnel/session_event.ts";
import type { SessionStream } from "../../shared/tunnel/session_stream.ts";

export interface RelayedExchangeOptions {
  readonly request: RequestHead;
  readonly answer: AnswerReceiver;
  /** The answer ended or the stream was cut: the session may have room for another. */
  onOver(): void;
}

/** Starts an exchange as a stream of the session; null if the session takes no stream now. */
export function relayExchange(
  session: SessionDriver,
  { request, answer, onOver }: RelayedExchangeOptions,
): RequestReceiver | null {
  const exchange = new RelayedExchange(answer, onOver);
  const stream = session.openStream(encodeRequestHead(request), exchange);
  if (stream === null) return null;
  exchange.stream = stream;
  return exchange;
}

class RelayedExchange implements RequestReceiver, StreamOwner {
  readonly #answer: AnswerReceiver;
  readonly #onOver: () => void;
  stream: SessionStream<StreamOwner> | null = null;

  constructor(answer: AnswerReceiver, onOver: () => void) {
    this.#answer = answer;
    this.#onOver = onOver;
  }

  body(bytes: Uint8Array): void {
    const sentBytes = this.#open().sendData(bytes);
    if (sentBytes > 0) this.#answer.requestConsumed(sentBytes);
  }

  end(trailers: Fields | null): void {
    this.#open().sendEnd(encodeTrailers(trailers));
  }

  abort(error: RelayError): void {
    this.#open().reset(ERROR_TABLE[error.code].tunnelCode);
    this.#onOver();
  }

  answerConsumed(bytes: number): void {
    this.#open().consumed(bytes);
  }

  onInformational(head: Uint8Array): void {
    this.#decoded(() => this.#answer.informational(decodeAnswerHead(head)));
  }

  onHead(head: Uint8Array): void {
    this.#decoded(() => this.#answer.head(decodeAnswerHead(head)));
  }

  onData(bytes: Uint8Array): void {
    this.#answer.body(bytes);
  }

  onEnd(trailers: Uint8Array): void {
    this.#decoded(() => this.#answer.end(decodeTrailers(trailers)));
    this.#onOver();
  }

  onReset(event: StreamResetEvent<StreamOwner>): void {
    this.#answer.abort(resetError(event));
    this.#onOver();
  }

  onSent(bytes: number): void {
    this.#answer.requestConsumed(bytes);
  }

  #open(): SessionStream<StreamOwner> {
    assert(this.stream !== null, "used before the stream was opened");
    return this.stream;
  }

  #decoded(deliver: () => void): void {
    try {
      deliver();
    } catch (cause) {
      if (!(cause instanceof HeadCodecError)) throw cause;
      const error = new RelayError("internal_error", { source: "tunnel", cause });
      this.abort(error);
      this.#answer.abort(error);
    }
  }
}

/** What a cut stream means to the client. */
function resetError(event: StreamResetEvent<StreamOwner>): RelayError {
  if (event.by === "tunnel_lost") return new RelayError("tunnel_lost", { source: "tunnel" });
  if (event.by === "goaway") {
    return new RelayError("tunnel_unavailable", { source: "tunnel", retryAfterSeconds: 1 });
  }
  const code = errorCodeOf(event.code);
  return new RelayError(code, { source: sourceOf(code) });
}

function sourceOf(code: keyof typeof ERROR_TABLE): ErrorSource {
  if (code.startsWith("origin_")) return "origin";
  if (code.startsWith("tunnel_")) return "tunnel";
  return ERROR_TABLE[code].type === "server_error" ? "internal" : "downstream";
}
