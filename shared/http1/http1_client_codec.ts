/**
 * HTTP/1.1 on one connection, as the client (RFC 9112), without sockets: one exchange at a time, connection reusable.
 *
 * Invariant: an answer is complete only by its own framing. The end of the connection completes nothing but a body
 * that is framed by it; there, a connection that was cut looks like one that was closed, and without TLS's
 * close_notify (which the runtime does not report) nobody can tell: an origin that wants its answers whole frames them.
 * Bytes that no request asked for make the connection unusable: the next answer would be theirs.
 */
import { assert } from "../assert/assert.ts";
import type { ErrorCode } from "../errors/error_table.ts";
import { RelayError } from "../errors/relay_error.ts";
import type { AnswerHead, RequestHead } from "../exchange/exchange.ts";
import type { Fields } from "../exchange/fields.ts";
import { parseAnswerHead } from "./answer_head.ts";
import { BodyDecoder } from "./body_decoder.ts";
import { isTarget, isToken } from "../http/byte_classes.ts";
import { HeadCollector } from "./head_collector.ts";
import type { Http1Limits } from "./http1_limits.ts";
import { Http1Violation } from "./http1_violation.ts";
import { MessageWriter } from "./message_writer.ts";

export type Http1ClientEvent =
  | { kind: "informational" | "head"; head: AnswerHead }
  /** `bytes` are a view of what `receive` got. */
  | { kind: "body"; bytes: Uint8Array }
  | { kind: "end"; trailers: Fields | null }
  /** `origin_cut` or `origin_protocol`; the connection must close. */
  | { kind: "broken"; error: RelayError };

const MAX_INFORMATIONAL_ANSWERS = 32;

export class Http1ClientCodec {
  readonly #limits: Http1Limits;
  readonly #collector: HeadCollector;
  readonly #body: BodyDecoder;
  readonly #writer = new MessageWriter();
  #requestState: "idle" | "sending" = "idle";
  #answerState: "idle" | "head" | "body" = "idle";
  #method = "";
  #informationalCount = 0;
  /** No other exchange may begin on this connection. */
  #isSpent = false;
  #input: Uint8Array | null = null;
  #inputAt = 0;
  #hasInputEnded = false;

  constructor(limits: Http1Limits) {
    this.#limits = limits;
    this.#collector = new HeadCollector({ maxBytes: limits.maxHeadBytes, emptyFirstLine: "refused" });
    this.#body = new BodyDecoder(limits);
  }

  /** Begins an exchange; only while `isReusable`. */
  sendRequest(head: RequestHead): void {
    assert(this.isReusable, "request on a connection that is in use or spent");
    const { method, path, authority, contentLength, fields } = head;
    assert(isToken(method) && isTarget(path) && isTarget(authority), "malformed request from our own side");
    this.#method = method;
    this.#informationalCount = 0;
    this.#requestState = "sending";
    this.#answerState = "head";
    let framingFields = `host: ${authority}\r\n`;
    if (contentLength === null) framingFields += "transfer-encoding: chunked\r\n";
    else if (contentLength > 0 || method === "POST" || method === "PUT" || method === "PATCH") {
      framingFields += `content-length: ${contentLength}\r\n`;
    }
    // `te` belongs to one connection: it is ours to say again (RFC 9110 §10.1.4).
    if (fields.get("te") === "trailers") framingFields += "te: trailers\r\nconnection: te\r\n";
    this.#writer.head(`${method} ${path} HTTP/1.1`, {
      fields,
      framingFields,
      framing: contentLength === null ? "chunked" : "length",
      bodyBytes: contentLength ?? 0,
    });
  }

  /** Ignored once the exchange is broken. @throws {AssertionError} beyond the announced length */
  sendBody(bytes: Uint8Array): void {
    if (this.#requestState === "sending") this.#writer.body(bytes);
    else assert(this.#isSpent, "request body before its head or after its end");
  }

  /** Ignored once the exchange is broken. @throws {AssertionError} short of the announced length */
  sendEnd(trailers: Fields | null): void {
    if (this.#requestState !== "sending") {
      return assert(this.#isSpent, "request end before its head, or a second one");
    }
    this.#writer.end(trailers);
    this.#requestState = "idle";
  }

  /** Takes bytes, which must not change until `nextEvent` has returned null. */
  receive(bytes: Uint8Array, _now: number): void {
    assert(this.#input === null, "receive() before the events of the last piece were taken");
    if (bytes.length === 0) return;
    if (this.#answerState === "idle") this.#isSpent = true;
    else {
      this.#input = bytes;
      this.#inputAt = 0;
    }
  }

  /** The peer sends no more. */
  receiveEnd(_now: number): void {
    this.#hasInputEnded = true;
    if (this.#answerState === "idle") this.#isSpent = true;
  }

  /** The next event, or null. */
  nextEvent(): Http1ClientEvent | null {
    try {
      return this.#step();
    } catch (error) {
      if (!(error instanceof Http1Violation)) throw error;
      return this.#break("origin_protocol", `Malformed answer: ${error.message}.`);
    }
  }

  takeOutput(): Uint8Array | null {
    return this.#writer.take();
  }

  outputWritten(chunk: Uint8Array): void {
    this.#writer.release(chunk);
  }

  get pendingOutputBytes(): number {
    return this.#writer.pendingBytes;
  }

  /** Bytes of the peer that are kept between calls. */
  get heldBytes(): number {
    return this.#collector.heldBytes + this.#body.heldBytes;
  }

  /** Another exchange may begin: nothing is under way, both ends keep the connection, no stray byte has come. */
  get isReusable(): boolean {
    return !this.#isSpent && this.#requestState === "idle" && this.#answerState === "idle";
  }

  #step(): Http1ClientEvent | null {
    while (this.#answerState !== "idle") {
      if (this.#answerState === "body" && this.#body.isDone) return this.#end(this.#body.trailers);
      if (this.#input === null) return this.#hasInputEnded ? this.#endOfInput() : null;
      const event = this.#answerState === "head" ? this.#takeHead(this.#input) : this.#takeBody(this.#input);
      if (event !== null) return event;
    }
    if (this.#input !== null) {
      this.#isSpent = true;
      this.#input = null;
    }
    return null;
  }

  #takeHead(input: Uint8Array): Http1ClientEvent | null {
    this.#advance(this.#collector.collect(input, this.#inputAt));
    if (this.#collector.head === null) return null;
    const { head, body, isClosing } = parseAnswerHead(this.#collector.head, {
      method: this.#method,
      limits: this.#limits,
    });
    this.#collector.reset();
    if (isClosing) this.#isSpent = true;
    if (head.status < 200) {
      if (++this.#informationalCount > MAX_INFORMATIONAL_ANSWERS) {
        throw new Http1Violation("too many informational answers");
      }
      return { kind: "informational", head };
    }
    if (body === "chunked") this.#body.beginChunked();
    else if (body === "until_close") this.#body.beginUntilClose();
    else this.#body.beginLength(body === "none" ? 0 : head.contentLength ?? 0);
    this.#answerState = "body";
    return { kind: "head", head };
  }

  #takeBody(input: Uint8Array): Http1ClientEvent | null {
    this.#advance(this.#body.decode(input, this.#inputAt));
    return this.#body.payload === null ? null : { kind: "body", bytes: this.#body.payload };
  }

  #endOfInput(): Http1ClientEvent {
    if (this.#answerState === "body" && this.#body.endsWithConnection) return this.#end(null);
    return this.#break("origin_cut", "");
  }

  #end(trailers: Fields | null): Http1ClientEvent {
    this.#answerState = "idle";
    // An origin that answers before it has the request may close without reading the rest.
    if (this.#hasInputEnded || this.#writer.isUnfinished) this.#isSpent = true;
    return { kind: "end", trailers };
  }

  #break(code: ErrorCode & `origin_${string}`, message: string): Http1ClientEvent {
    this.#answerState = "idle";
    this.#requestState = "idle";
    this.#isSpent = true;
    this.#input = null;
    this.#collector.reset();
    return { kind: "broken", error: new RelayError(code, { source: "origin", message }) };
  }

  #advance(at: number): void {
    if (this.#input !== null && at >= this.#input.length) this.#input = null;
    else this.#inputAt = at;
  }
}
