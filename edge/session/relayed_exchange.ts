/**
 * The edge's end of a stream: an exchange on one side, a stream of the session on the other.
 *
 * An answer that ends before its request leaves the stream half open, on purpose: its receiver still needs time to
 * write it, and then ends or aborts the request (see the contract), which closes the stream at both ends.
 */
import { assert } from "../../shared/assert/assert.ts";
import { ERROR_TABLE, type ErrorCode, errorCodeOf } from "../../shared/errors/error_table.ts";
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
import { refuse } from "../../shared/exchange/refuse.ts";
import { ExchangeFlow } from "../../shared/observe/exchange_flow.ts";
import type { StallWatch } from "../../shared/observe/stall_watch.ts";
import { isBulkBody } from "../../shared/session/bulk_body.ts";
import type { SessionDriver } from "../../shared/session/session_driver.ts";
import type { StreamOwner } from "../../shared/session/stream_owner.ts";
import { MAX_HEAD_BYTES } from "../../shared/tunnel/frame_type.ts";
import type { StreamResetEvent } from "../../shared/tunnel/session_event.ts";
import type { SessionStream } from "../../shared/tunnel/session_stream.ts";

export interface RelayOptions {
  /** Watches the exchanges of clients; null: nothing does. @default null */
  readonly stalls?: StallWatch | null;
}

/** Starts an exchange as a stream of the session; null if the session takes no stream now. */
export function relayExchange(
  session: SessionDriver,
  request: RequestHead,
  answer: AnswerReceiver,
  { stalls = null }: RelayOptions = {},
): RequestReceiver | null {
  const head = encodeRequestHead(request);
  if (head.length > MAX_HEAD_BYTES) {
    return refuse(answer, new RelayError("head_too_large", { source: "downstream" }));
  }
  const exchange = new RelayedExchange(answer);
  const stream = session.openStream(head, exchange, { isBulk: isBulkBody(request.contentLength) });
  if (stream === null) return null;
  exchange.stream = stream;
  const { id, kind } = request.context;
  if (kind === "client") stalls?.add({ requestId: id, flow: exchange.flow, stream, driver: session });
  return exchange;
}

class RelayedExchange implements RequestReceiver, StreamOwner {
  readonly flow = new ExchangeFlow();
  readonly #answer: AnswerReceiver;
  stream: SessionStream<StreamOwner> | null = null;
  /** Neither side is told any more. */
  #isOver = false;

  constructor(answer: AnswerReceiver) {
    this.#answer = answer;
  }

  // From downstream.

  body(bytes: Uint8Array): void {
    if (this.#isOver) return;
    this.flow.moves++;
    try {
      const sentBytes = this.#open().sendData(bytes);
      if (sentBytes > 0) this.#answer.requestConsumed(sentBytes);
    } catch (cause) {
      this.onFault(cause);
    }
  }

  end(trailers: Fields | null): void {
    if (this.#isOver) return;
    this.flow.hasRequestEnded = true;
    try {
      this.#open().sendEnd(encodeTrailers(trailers));
    } catch (cause) {
      this.onFault(cause);
    }
  }

  abort(error: RelayError): void {
    if (!this.#isOver) this.#reset(error.code);
  }

  answerConsumed(bytes: number): void {
    if (this.#isOver) return;
    this.flow.consumed(bytes);
    try {
      this.#open().consumed(bytes);
    } catch (cause) {
      this.onFault(cause);
    }
  }

  // From the session.

  onInformational(head: Uint8Array): void {
    const decoded = this.#decoded(head, decodeAnswerHead);
    if (decoded !== BROKEN) this.#answer.informational(decoded);
  }

  onHead(head: Uint8Array): void {
    const decoded = this.#decoded(head, decodeAnswerHead);
    if (decoded !== BROKEN) this.#answer.head(decoded);
  }

  onData(bytes: Uint8Array): void {
    this.flow.hasAnswerBegun = true;
    this.flow.received(bytes.length);
    this.#answer.body(bytes);
  }

  onEnd(trailers: Uint8Array): void {
    this.flow.hasAnswerEnded = true;
    const decoded = this.#decoded(trailers, decodeTrailers);
    if (decoded !== BROKEN) this.#answer.end(decoded);
  }

  onReset(event: StreamResetEvent<StreamOwner>): void {
    this.#isOver = true;
    this.#answer.abort(resetError(event));
  }

  onSent(bytes: number): void {
    this.flow.moves++;
    this.#answer.requestConsumed(bytes);
  }

  onFault(cause: unknown): void {
    if (this.#isOver) return;
    this.#reset("internal_error");
    this.#answer.abort(new RelayError("internal_error", { source: "internal", cause }));
  }

  #reset(code: ErrorCode): void {
    this.#isOver = true;
    this.#open().reset(ERROR_TABLE[code].tunnelCode);
  }

  #open(): SessionStream<StreamOwner> {
    assert(this.stream !== null, "used before the stream was opened");
    return this.stream;
  }

  /** What the core sent; {@linkcode BROKEN} when it is malformed, which ends the exchange. */
  #decoded<T>(bytes: Uint8Array, decode: (bytes: Uint8Array) => T): T | typeof BROKEN {
    try {
      return decode(bytes);
    } catch (cause) {
      if (!(cause instanceof HeadCodecError)) throw cause;
      this.onFault(cause);
      return BROKEN;
    }
  }
}

const BROKEN = Symbol("broken");

/** What a cut stream means to the client. */
function resetError(event: StreamResetEvent<StreamOwner>): RelayError {
  if (event.by === "tunnel_lost") return new RelayError("tunnel_lost", { source: "tunnel" });
  if (event.by === "goaway") {
    const retry = "before_first_byte";
    return new RelayError("tunnel_unavailable", { source: "tunnel", retry, retryAfterSeconds: 1 });
  }
  const code = errorCodeOf(event.code);
  return new RelayError(code, { source: sourceOf(code) });
}

function sourceOf(code: ErrorCode): ErrorSource {
  if (code.startsWith("origin_")) return "origin";
  if (code.startsWith("tunnel_")) return "tunnel";
  return ERROR_TABLE[code].type === "server_error" ? "internal" : "downstream";
}
