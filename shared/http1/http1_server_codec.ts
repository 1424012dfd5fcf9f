/**
 * HTTP/1.1 on one connection, as the server (RFC 9112), without sockets: bytes and time in, events and bytes out.
 *
 *     request side   head → body → complete → head …          (closed: nothing more is read)
 *     answer side    idle → awaited → streaming → idle …      (awaited: an answer is owed)
 *
 * Invariant: a head is parsed only while the answer side is idle, so requests and answers pair up by construction;
 * bytes of a pipelined request wait unparsed, and then nothing more is read. Whatever is ambiguous is refused and the
 * connection closed: there is no recovery that both ends understand alike. `upgrade` is neither passed nor acted on,
 * so bytes behind such a request are the next request and nothing else.
 *
 * Rejected: parsing ahead (answers would have to queue), and 1.0 keep-alive (a framing of its own for no client).
 */
import { assert } from "../assert/assert.ts";
import { RelayError } from "../errors/relay_error.ts";
import type { AnswerHead } from "../exchange/exchange.ts";
import { Fields } from "../exchange/fields.ts";
import { isBodyless } from "./answer_head.ts";
import { BodyDecoder } from "./body_decoder.ts";
import { HeadCollector } from "./head_collector.ts";
import type { Http1Limits } from "./http1_limits.ts";
import { Http1Violation } from "./http1_violation.ts";
import { type BodyFraming, MessageWriter } from "./message_writer.ts";
import { reasonPhrase } from "./reason_phrases.ts";
import { RequestClock } from "./request_clock.ts";
import { type Http1RequestHead, parseRequestHead } from "./request_head.ts";

export type { Http1RequestHead };

export type Http1ServerEvent =
  | { kind: "request"; head: Http1RequestHead }
  /** `bytes` are a view of what `receive` got. */
  | { kind: "body"; bytes: Uint8Array }
  | { kind: "end"; trailers: Fields | null }
  /** The peer closed its side, perhaps in the middle of an exchange. */
  | { kind: "left" }
  /** The peer broke the protocol, a limit or a time: answer it if no head was sent, else break; then close. */
  | { kind: "refused"; error: RelayError };

/** A request's rest that is read and dropped after an early end of its answer; with more to come, we close. */
const MAX_DRAINED_BYTES = 256 * 1024;

const NO_FIELDS = new Fields();

export class Http1ServerCodec {
  readonly #limits: Http1Limits;
  readonly #clock: RequestClock;
  readonly #collector: HeadCollector;
  readonly #body: BodyDecoder;
  readonly #writer = new MessageWriter();
  #requestState: "head" | "body" | "complete" | "closed" = "head";
  #answerState: "idle" | "awaited" | "streaming" = "idle";
  #request: Http1RequestHead | null = null;
  /** The client waits for `100 (Continue)`, and has neither been told so nor sent a byte of the body. */
  #isContinueOwed = false;
  #mustClose = false;
  /** What may still be dropped of a body whose answer has ended; null: the body is wanted. */
  #drainableBytes: number | null = null;
  #input: Uint8Array | null = null;
  #inputAt = 0;
  /** When the input came; null for held input. */
  #inputMs: number | null = null;
  #hasInputEnded = false;
  /** The last event of this connection was given. */
  #isOver = false;
  #timeoutError: RelayError | null = null;

  constructor(limits: Http1Limits, now: number) {
    this.#limits = limits;
    this.#clock = new RequestClock(limits, now);
    this.#collector = new HeadCollector({ maxBytes: limits.maxHeadBytes, emptyFirstLine: "skipped_once" });
    this.#body = new BodyDecoder(limits);
  }

  /**
   * Takes bytes, which must not change until `nextEvent` has returned null. Only while `isReadingAllowed`. After the
   * last event they are dropped, so a driver can go on reading while an error answer is on its way.
   */
  receive(bytes: Uint8Array, now: number): void {
    assert(
      this.#input === null,
      "receive() before the events of the last piece were taken, or while not allowed",
    );
    this.#clock.observe(now);
    if (bytes.length === 0 || this.#requestState === "closed") return;
    this.#input = bytes;
    this.#inputAt = 0;
    this.#inputMs = now;
  }

  /** The peer sends no more. */
  receiveEnd(now: number): void {
    this.#clock.observe(now);
    this.#hasInputEnded = true;
  }

  /**
   * The next event, or null. To be drained after `receive`, `receiveEnd`, `handleTimeout`, and after `sendEnd`: a
   * pipelined request may have waited for it.
   */
  nextEvent(): Http1ServerEvent | null {
    if (this.#isOver) return null;
    if (this.#timeoutError !== null) return this.#refuse(this.#timeoutError);
    try {
      return this.#step() ?? this.#starve();
    } catch (error) {
      if (!(error instanceof Http1Violation)) throw error;
      const code = error.kind === "too_large" ? "head_too_large" : "invalid_request";
      return this.#refuse(
        new RelayError(code, { source: "downstream", message: `Refused: ${error.message}.` }),
      );
    }
  }

  /** False while bytes of a pipelined request wait: their number is bounded by one read. */
  get isReadingAllowed(): boolean {
    return this.#input === null;
  }

  /** Bytes of the peer that are kept between calls. */
  get heldBytes(): number {
    return (this.#input?.length ?? 0) + this.#collector.heldBytes + this.#body.heldBytes;
  }

  /** The driver stops reading because the exchange's window is full: this time is not charged to the peer. */
  pauseReading(now: number): void {
    this.#clock.pause(now);
  }

  resumeReading(now: number): void {
    this.#clock.resume(now);
  }

  /** Asks for the body; nothing goes out unless the client waits for it. */
  sendContinue(): void {
    if (!this.#isContinueOwed || this.#answerState !== "awaited") return;
    this.#isContinueOwed = false;
    if (this.#requestState === "body") this.#clock.enter("body", null);
    this.#writeHead({ status: 100, fields: NO_FIELDS, contentLength: 0 }, "none");
  }

  /** Nothing goes out to HTTP/1.0. */
  sendInformational(head: AnswerHead): void {
    assert(this.#answerState === "awaited", "informational answer outside an exchange or after its head");
    assert(head.status >= 100 && head.status < 200 && head.status !== 101, "not an informational answer");
    if (head.status === 100) return this.sendContinue();
    if (this.#request?.version === "1.1") this.#writeHead(head, "none");
  }

  sendHead(head: AnswerHead): void {
    assert(this.#answerState === "awaited", "answer head outside an exchange, or a second one");
    assert(head.status >= 200 && head.status <= 599, "not a final answer");
    // A client that was not told to go on may send its body or not: only closing is unambiguous (RFC 9110 §10.1.1).
    if (this.#isContinueOwed) this.#mustClose = true;
    const framing = this.#framingOf(head);
    if (framing === "until_close") this.#mustClose = true;
    this.#writeHead(head, framing);
    this.#answerState = "streaming";
  }

  /** @throws {AssertionError} beyond the announced length */
  sendBody(bytes: Uint8Array): void {
    assert(this.#answerState === "streaming", "answer body before its head or after its end");
    this.#writer.body(bytes);
  }

  /**
   * Ends the answer and, for the driver, the exchange: what is missing of the request's body is dropped here, no event
   * of this exchange comes any more. Trailers go out with chunked answers only.
   * @throws {AssertionError} short of the announced length
   */
  sendEnd(trailers: Fields | null): void {
    assert(this.#answerState === "streaming", "answer end before its head, or a second one");
    this.#writer.end(trailers);
    this.#answerState = "idle";
    if (this.#requestState === "complete") this.#finishExchange();
    else if (this.#requestState === "body") this.#beginDraining();
  }

  /**
   * Cuts the answer off: without last chunk, short of its length. What has no such framing (HTTP/1.0 without a length)
   * cannot show the cut but by the reset of the connection.
   */
  sendBreak(): void {
    this.#answerState = "idle";
    this.#isOver = true;
    this.#close();
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

  /** Close once the output has left. Becomes true without an event when an idle connection's time is over. */
  get shouldClose(): boolean {
    return this.#requestState === "closed" && this.#answerState === "idle";
  }

  /** When to call `handleTimeout` (absolute, ms), or null; may change with every call. */
  nextTimeout(): number | null {
    return this.#requestState === "closed" ? null : this.#clock.deadline();
  }

  handleTimeout(now: number): void {
    if (!this.#clock.isOver(now) || this.#requestState === "closed" || this.#timeoutError !== null) return;
    const isSilent = this.#requestState === "head"
      ? !this.#collector.isStarted
      : this.#drainableBytes !== null;
    if (isSilent) this.#close();
    else this.#timeoutError = new RelayError("request_timeout", { source: "downstream" });
  }

  /** Ends the connection after the exchange or head under way; at once if there is none. */
  drain(): void {
    this.#mustClose = true;
    const isIdle = this.#requestState === "head" && this.#answerState === "idle" &&
      !this.#collector.isStarted;
    if (isIdle) this.#close();
  }

  #step(): Http1ServerEvent | null {
    while (this.#requestState !== "closed") {
      if (this.#requestState === "body" && this.#body.isDone) {
        const event = this.#completeRequest();
        if (event !== null) return event;
      } else if (this.#input === null) return null;
      else if (this.#requestState === "complete") return this.#holdInput();
      else {
        const event = this.#requestState === "head"
          ? this.#takeHead(this.#input)
          : this.#takeBody(this.#input);
        if (event !== null) return event;
      }
    }
    return null;
  }

  #takeHead(input: Uint8Array): Http1ServerEvent | null {
    if (this.#clock.phase === "idle") this.#clock.enter("head", this.#inputMs);
    this.#advance(this.#collector.collect(input, this.#inputAt));
    if (this.#collector.head === null) return null;
    const { head, isClosing } = parseRequestHead(this.#collector.head, this.#limits);
    this.#collector.reset();
    if (isClosing) this.#mustClose = true;
    if (head.contentLength === null) this.#body.beginChunked();
    else this.#body.beginLength(head.contentLength);
    this.#request = head;
    this.#isContinueOwed = head.expectsContinue;
    this.#requestState = "body";
    this.#answerState = "awaited";
    this.#clock.enter(head.expectsContinue ? "none" : "body", this.#inputMs);
    return { kind: "request", head };
  }

  #takeBody(input: Uint8Array): Http1ServerEvent | null {
    const at = this.#inputAt;
    if (this.#isContinueOwed) {
      this.#isContinueOwed = false;
      this.#clock.enter("body", this.#inputMs);
    }
    const end = this.#body.decode(input, at);
    this.#advance(end);
    this.#clock.bodyBytes(end - at);
    if (this.#drainableBytes !== null) {
      this.#drainableBytes -= end - at;
      if (this.#drainableBytes < 0) this.#close();
      return null;
    }
    return this.#body.payload === null ? null : { kind: "body", bytes: this.#body.payload };
  }

  #completeRequest(): Http1ServerEvent | null {
    this.#requestState = "complete";
    this.#clock.enter("none", null);
    if (this.#answerState === "idle") {
      this.#finishExchange();
      return null;
    }
    return { kind: "end", trailers: this.#body.trailers };
  }

  #beginDraining(): void {
    const rest = this.#body.remainingBytes;
    if (this.#mustClose || this.#hasInputEnded || (rest !== null && rest > MAX_DRAINED_BYTES)) this.#close();
    else this.#drainableBytes = MAX_DRAINED_BYTES;
  }

  #finishExchange(): void {
    this.#drainableBytes = null;
    this.#request = null;
    if (this.#mustClose) return this.#close();
    this.#requestState = "head";
    this.#clock.enter("idle", null);
  }

  #close(): void {
    this.#mustClose = true;
    this.#requestState = "closed";
    this.#input = null;
    this.#collector.reset();
  }

  #refuse(error: RelayError): Http1ServerEvent | null {
    this.#isOver = true;
    this.#close();
    if (this.#drainableBytes !== null) return null;
    if (this.#answerState === "idle") this.#answerState = "awaited";
    return { kind: "refused", error };
  }

  /** Nothing to go on with: that is an event only at the end of the input. */
  #starve(): Http1ServerEvent | null {
    if (!this.#hasInputEnded) return null;
    this.#isOver = true;
    this.#close();
    return { kind: "left" };
  }

  #advance(at: number): void {
    if (this.#input !== null && at >= this.#input.length) this.#input = null;
    else this.#inputAt = at;
  }

  /**
   * Keeps what waits for the end of the present exchange: the caller's buffer is about to be filled again. What will
   * never be served is not kept, so that reading goes on and the client's leaving is seen.
   */
  #holdInput(): null {
    if (this.#mustClose) this.#input = null;
    if (this.#input === null || this.#inputMs === null) return null;
    this.#input = this.#input.slice(this.#inputAt);
    this.#inputAt = 0;
    this.#inputMs = null;
    return null;
  }

  #framingOf(head: AnswerHead): BodyFraming {
    if (isBodyless(head.status, this.#request?.method ?? "")) return "none";
    if (head.contentLength !== null) return "length";
    return this.#request?.version === "1.0" ? "until_close" : "chunked";
  }

  #writeHead(head: AnswerHead, framing: BodyFraming): void {
    const { status, fields, contentLength } = head;
    let framingFields = "";
    if (framing === "chunked") framingFields = "transfer-encoding: chunked\r\n";
    else if (contentLength !== null && status >= 200 && status !== 204) {
      framingFields = `content-length: ${contentLength}\r\n`;
    }
    if (this.#mustClose && status >= 200) framingFields += "connection: close\r\n";
    this.#writer.head(`HTTP/1.1 ${status} ${reasonPhrase(status)}`, {
      fields,
      framingFields,
      framing,
      bodyBytes: contentLength ?? 0,
    });
  }
}
