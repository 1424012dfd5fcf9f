/**
 * Serves exchanges on one HTTP/1.1 connection: bytes between the socket and the codec, events between the codec and
 * the handler, one timer.
 *
 * A read is always pending, unless one has brought bytes that must wait: because the handler holds too much of a
 * request's body, or because they are a pipelined request. So a client that leaves is noticed at once, before any byte
 * of its answer too, but for one that sends ahead without end. An exchange begins when the answer before it has left:
 * a client that sends requests and reads no answers cannot make us keep them. Half-closing is leaving, as nobody can
 * tell the two apart before it is too late; but an answer that is complete is still written.
 */
import { LazyTimer, type LazyTimerOptions } from "../clock/lazy_timer.ts";
import { RelayError } from "../errors/relay_error.ts";
import { EXCHANGE_WINDOW_BYTES } from "../exchange/exchange.ts";
import {
  type Http1RequestHead,
  Http1ServerCodec,
  type Http1ServerEvent,
} from "../http1/http1_server_codec.ts";
import type { ByteConnection } from "../transport/byte_connection.ts";
import { ReadBuffer } from "../transport/read_buffer.ts";
import { UnreportedBytes } from "../transport/unreported_bytes.ts";
import { type OutputSource, WritePump, type WritePumpOptions } from "../transport/write_pump.ts";
import { closeConnection } from "./close_connection.ts";
import { Http1Exchange, type Http1ExchangePort, sendErrorAnswer } from "./http1_exchange.ts";
import { onAbort } from "./on_abort.ts";
import type { ServeOptions } from "./serve_options.ts";

/** After our last byte, how much is read and how long is waited so that a client that still sends can read it. */
const MAX_LINGER_BYTES = 16 * 1024 * 1024;
const LINGER_TIMEOUT_MS = 2_000;
/** Shares of the exchange window at which reading a request's body pauses and goes on. */
const HIGH_WATERMARK = 0.8;
const LOW_WATERMARK = 0.2;

/** Resolves when the connection is done and closed; never rejects. */
export function serveHttp1(connection: ByteConnection, options: ServeOptions): Promise<void> {
  return new Http1Connection(connection, options).run();
}

/** Is its pump's source and its timer's options itself: of closures, there would be eight for each held connection. */
class Http1Connection implements Http1ExchangePort, OutputSource, WritePumpOptions, LazyTimerOptions {
  readonly codec: Http1ServerCodec;
  readonly #connection: ByteConnection;
  readonly #options: ServeOptions;
  readonly #pump: WritePump;
  readonly #timer: LazyTimer;
  readonly #unreported = new UnreportedBytes();
  /** In flight, or complete and not yet written. */
  #exchange: Http1Exchange | null = null;
  /** A request that waits until the answer before it has left; meanwhile the codec gives no events. */
  #nextRequest: Http1RequestHead | null = null;
  /** Since when output waits without the socket taking any; null while none waits. */
  #stalledSince: number | null = null;
  #state: "open" | "lingering" | "closed" = "open";
  #hasInputEnded = false;
  /** The client is in the middle of a request, or of what we refused to take for one. */
  #isInputAwaited = false;
  #lingerUntil = Number.POSITIVE_INFINITY;
  #lingerBytes = 0;
  /** What reading waits for; null while it does not. */
  #wait: { readonly condition: () => boolean; readonly resolve: () => void } | null = null;
  #tellClosed: () => void = () => {};

  constructor(connection: ByteConnection, options: ServeOptions) {
    this.#connection = connection;
    this.#options = options;
    this.codec = new Http1ServerCodec(options.http1, options.clock());
    this.#pump = new WritePump(connection, this, this);
    this.#timer = new LazyTimer(this);
  }

  async run(): Promise<void> {
    const drain = () =>
      this.#guard(() => {
        this.codec.drain();
        this.#afterEvents();
      });
    const stopWaiting = onAbort(this.#options.signal, drain);
    if (this.#options.signal.aborted) drain();
    this.#timer.update();
    await this.#read();
    // The client sends no more, but may still take what is on its way.
    if (!this.#isClosed) await new Promise<void>((resolve) => this.#tellClosed = resolve);
    stopWaiting();
  }

  // For the exchange.

  wake(): void {
    if (this.#isClosed) return;
    this.#stalledSince ??= this.clock();
    this.#pump.wake();
    this.#timer.update();
  }

  answerBytesQueued(bytes: number): void {
    this.#unreported.queued(bytes);
  }

  requestConsumed(): void {
    this.#resumeReading();
  }

  // Reading.

  /** What was read waits in the buffer until it may be received, so that an end right behind it is seen. */
  async #read(): Promise<void> {
    const buffer = new ReadBuffer();
    while (!this.#isClosed && !this.#hasInputEnded) {
      if (!this.#mayRead()) await this.#until(() => this.#mayRead());
      let length: number | null;
      try {
        const room = this.#roomBytes;
        length = await this.#connection.read(
          room < buffer.bytes.length ? buffer.bytes.subarray(0, room) : buffer.bytes,
        );
      } catch (error) {
        this.#guard(() => this.#leave(error));
        break;
      }
      if (length === null) this.#guard(() => this.#received(null));
      else {
        if (!this.#mayReceive(HIGH_WATERMARK)) await this.#until(() => this.#mayReceive(LOW_WATERMARK));
        this.#guard(() => this.#received(buffer.bytes.subarray(0, length)));
        buffer.read(length);
      }
    }
    buffer.release();
  }

  #received(bytes: Uint8Array | null): void {
    if (this.#isClosed) return;
    this.#hasInputEnded = bytes === null;
    if (this.#state === "lingering") {
      this.#lingerBytes += bytes?.length ?? 0;
      if (bytes === null || this.#lingerBytes > MAX_LINGER_BYTES) this.#close();
      return;
    }
    const now = this.clock();
    if (bytes === null) this.codec.receiveEnd(now);
    else {
      this.#options.observer.bytesIn(bytes.length);
      this.codec.receive(bytes, now);
    }
    this.#deliver();
  }

  /** What may come before the handler would hold more than one window. */
  get #roomBytes(): number {
    return EXCHANGE_WINDOW_BYTES - (this.#exchange?.heldBytes ?? 0);
  }

  /** The buffer is not needed by events that wait, and the handler has room for what may come. */
  #mayRead(): boolean {
    return this.#state !== "open" || (this.#nextRequest === null && this.#roomBytes > 0);
  }

  #mayReceive(watermark: number): boolean {
    if (this.#state !== "open") return true;
    if (this.#nextRequest !== null || !this.codec.isReadingAllowed) return false;
    return (this.#exchange?.heldBytes ?? 0) <= watermark * EXCHANGE_WINDOW_BYTES;
  }

  async #until(condition: () => boolean): Promise<void> {
    this.codec.pauseReading(this.clock());
    await new Promise<void>((resolve) => this.#wait = { condition, resolve });
  }

  #resumeReading(): void {
    const wait = this.#wait;
    if (wait === null || !wait.condition()) return;
    this.#wait = null;
    this.codec.resumeReading(this.clock());
    this.#timer.update();
    wait.resolve();
  }

  // Events.

  #deliver(): void {
    while (this.#state === "open" && this.#nextRequest === null) {
      const event = this.codec.nextEvent();
      if (event === null) break;
      this.#handle(event);
    }
    this.#afterEvents();
  }

  #handle(event: Http1ServerEvent): void {
    switch (event.kind) {
      case "request":
        this.#isInputAwaited = true;
        if (this.#exchange === null) this.#begin(event.head);
        else this.#nextRequest = event.head;
        break;
      case "body":
        this.#exchange?.requestBody(event.bytes);
        break;
      case "end":
        this.#isInputAwaited = false;
        this.#exchange?.requestEnd(event.trailers);
        break;
      case "left":
        if (this.#isInFlight) this.#leave();
        break;
      case "refused":
        this.#isInputAwaited = true;
        this.#refuse(event.error);
        break;
    }
  }

  #begin(head: Http1RequestHead): void {
    this.#options.observer.exchangeStarted();
    const exchange = new Http1Exchange(this, this.#options.newRequestId());
    this.#exchange = exchange;
    exchange.start(head, this.#options);
    // A handler that refuses at once does so in a moment: then nobody wants the body.
    if (head.expectsContinue) queueMicrotask(() => this.#guard(() => this.#askForBody()));
  }

  #askForBody(): void {
    if (this.#isClosed) return;
    this.codec.sendContinue();
    this.#afterEvents();
  }

  #refuse(error: RelayError): void {
    this.#options.observer.refused(error);
    if (this.#exchange !== null && this.#isInFlight) this.#exchange.refuse(error);
    else sendErrorAnswer(this.codec, { error, requestId: this.#options.newRequestId() });
  }

  /** Sees to output, to time-outs and to the end. */
  #afterEvents(): void {
    if (this.#isClosed) return;
    if (this.codec.pendingOutputBytes > 0) this.wake();
    else if (!this.#pump.isWriting && this.codec.shouldClose) this.#linger();
    this.#resumeReading();
    this.#timer.update();
  }

  // Writing.

  takeOutput(): Uint8Array | null {
    return this.codec.takeOutput();
  }

  outputWritten(chunk: Uint8Array): void {
    this.#guard(() => this.#written(chunk));
  }

  #written(chunk: Uint8Array): void {
    const { length } = chunk;
    this.codec.outputWritten(chunk);
    if (this.#isClosed) return;
    this.#options.observer.bytesOut(length);
    this.onProgress();
    this.#report(this.#unreported.written(this.codec.pendingOutputBytes));
  }

  #report(consumed: number): void {
    if (consumed > 0) this.#exchange?.answerConsumed(consumed);
  }

  onProgress(): void {
    if (this.#stalledSince !== null) this.#stalledSince = this.clock();
  }

  onError(error: unknown): void {
    this.#guard(() => this.#leave(error));
  }

  /** All output has left. */
  onDrain(): void {
    this.#stalledSince = null;
    this.#guard(() => this.#drained());
  }

  #drained(): void {
    if (this.#isClosed) return;
    this.#report(this.#unreported.forget());
    if (this.#isInFlight) return;
    this.#release();
    const next = this.#nextRequest;
    this.#nextRequest = null;
    if (next !== null) this.#begin(next);
    this.#deliver();
  }

  // Time.

  clock(): number {
    return this.#options.clock();
  }

  deadline(): number | null {
    if (this.#state === "closed") return null;
    if (this.#state === "lingering") return this.#lingerUntil;
    const codecAt = this.#nextRequest === null ? this.codec.nextTimeout() : null;
    if (this.#stalledSince === null) return codecAt;
    const stallAt = this.#stalledSince + this.#options.stallTimeoutMs;
    return codecAt === null ? stallAt : Math.min(codecAt, stallAt);
  }

  expired(): void {
    this.#guard(() => this.#expired());
  }

  #expired(): void {
    if (this.#state !== "open") return this.#close();
    const now = this.clock();
    if (this.#stalledSince !== null && now >= this.#stalledSince + this.#options.stallTimeoutMs) {
      const error = new RelayError("client_stalled", { source: "downstream" });
      this.#options.observer.refused(error);
      return this.#close(error);
    }
    this.codec.handleTimeout(now);
    this.#deliver();
  }

  // The end.

  get #isClosed(): boolean {
    return this.#state === "closed";
  }

  /** True while somebody upstream works on an answer. */
  get #isInFlight(): boolean {
    return this.#exchange !== null && !this.#exchange.isAnswerOver;
  }

  /** The exchange is over and its answer has left, or will never. */
  #release(): void {
    const exchange = this.#exchange;
    this.#report(this.#unreported.forget());
    this.#exchange = null;
    if (exchange === null) return;
    exchange.finish();
    this.#options.observer.exchangeEnded();
  }

  /** Says that no more comes, then closes; a client that still sends is given time to read what was sent. */
  #linger(): void {
    if (this.#state !== "open") return;
    this.#release();
    if (this.#connection.closeWrite === undefined) return this.#close();
    this.#state = "lingering";
    this.#lingerUntil = this.clock() + LINGER_TIMEOUT_MS;
    this.#resumeReading();
    this.#timer.update();
    const isInputAwaited = this.#isInputAwaited && !this.#hasInputEnded;
    this.#connection.closeWrite().then(() => {
      if (!isInputAwaited) this.#close();
    }, () => this.#close());
  }

  #leave(cause?: unknown): void {
    this.#close(this.#isInFlight ? new RelayError("client_left", { source: "downstream", cause }) : null);
  }

  /** @param error what a handler is told that still works on an answer */
  #close(error: RelayError | null = null): void {
    if (this.#isClosed) return;
    this.#state = "closed";
    this.#pump.stop();
    this.#timer.stop();
    closeConnection(this.#connection);
    this.#dropOutput();
    this.#resumeReading();
    this.#tellClosed();
    try {
      if (error !== null && this.#isInFlight) this.#exchange?.requestAbort(error);
    } finally {
      this.#release();
    }
  }

  #dropOutput(): void {
    for (let chunk = this.codec.takeOutput(); chunk !== null; chunk = this.codec.takeOutput()) {
      this.codec.outputWritten(chunk);
    }
  }

  /** An error of our own must not leave the process: it ends this connection. */
  #guard(step: () => void): void {
    try {
      step();
    } catch (cause) {
      const error = new RelayError("internal_error", { source: "internal", cause });
      this.#options.observer.refused(error);
      if (!this.#isClosed) this.#guard(() => this.#close(error));
    }
  }
}
