/**
 * Serves exchanges on one HTTP/1.1 connection: bytes between the socket and the codec, events between the codec and
 * the handler, one timer. Resolves when the connection is done, never rejects.
 *
 * Reading stops while the handler holds too much of a request's body, and only then: otherwise a read is always
 * pending, so that a client that leaves is noticed at once, before any byte of its answer too.
 */
import { LazyTimer } from "../clock/lazy_timer.ts";
import { RelayError } from "../errors/relay_error.ts";
import { EXCHANGE_WINDOW_BYTES } from "../exchange/exchange.ts";
import { Http1ServerCodec } from "../http1/http1_server_codec.ts";
import type { Http1RequestHead } from "../http1/request_head.ts";
import type { ByteConnection } from "../transport/byte_connection.ts";
import { ReadBuffer } from "../transport/read_buffer.ts";
import { UnreportedBytes } from "../transport/unreported_bytes.ts";
import { WritePump } from "../transport/write_pump.ts";
import { closeConnection } from "./close_connection.ts";
import { Http1Exchange } from "./http1_exchange.ts";
import type { ServeOptions } from "./serve_options.ts";

/** After our last byte, how much is read and how long is waited so that the client can still read it. */
const MAX_LINGER_BYTES = 256 * 1024;
const LINGER_TIMEOUT_MS = 2_000;

export function serveHttp1(connection: ByteConnection, options: ServeOptions): Promise<void> {
  return new Http1Connection(connection, options).run();
}

/** What an exchange asks of its connection. */
export interface Http1Output {
  readonly codec: Http1ServerCodec;
  /** The codec may have output. */
  wake(): void;
  /** Body bytes of an answer were given to the codec: they are reported once they have left. */
  answerBytesQueued(bytes: number): void;
  /** The handler has room for more of the request. */
  requestConsumed(): void;
  /** The exchange ended well: another may begin. */
  exchangeEnded(exchange: Http1Exchange): void;
}

class Http1Connection implements Http1Output {
  readonly codec: Http1ServerCodec;
  readonly #connection: ByteConnection;
  readonly #options: ServeOptions;
  readonly #pump: WritePump;
  readonly #timer: LazyTimer;
  #exchange: Http1Exchange | null = null;
  readonly #unreported = new UnreportedBytes();
  /** Since when output waits without the socket taking any; null while none waits. */
  #stalledSince: number | null = null;
  #resumeReading: (() => void) | null = null;
  #state: "open" | "lingering" | "closed" = "open";
  #lingerUntil = Number.POSITIVE_INFINITY;
  #lingerBytes = 0;

  constructor(connection: ByteConnection, options: ServeOptions) {
    this.#connection = connection;
    this.#options = options;
    this.codec = new Http1ServerCodec(options.http1, options.clock());
    this.#pump = new WritePump(connection, {
      takeOutput: () => this.codec.takeOutput(),
      outputWritten: (chunk) => this.#written(chunk),
    }, {
      onError: (error) => this.#fail(error),
      onProgress: () => this.#progress(),
      onDrain: () => this.#drained(),
    });
    this.#timer = new LazyTimer({
      clock: () => options.clock(),
      deadline: () => this.#deadline(),
      expired: () => this.#expired(),
    });
  }

  async run(): Promise<void> {
    const { signal } = this.#options;
    const drain = () => {
      this.codec.drain();
      this.#afterEvents();
    };
    signal.addEventListener("abort", drain);
    if (signal.aborted) drain();
    this.#timer.update();
    await this.#read();
    signal.removeEventListener("abort", drain);
    this.#timer.stop();
  }

  wake(): void {
    this.#stalledSince ??= this.#options.clock();
    this.#pump.wake();
    this.#timer.update();
  }

  answerBytesQueued(bytes: number): void {
    this.#unreported.queued(bytes);
  }

  requestConsumed(): void {
    const { lowWatermark = 0.2 } = this.#options;
    if (this.#resumeReading === null || !this.#hasRoom(lowWatermark)) return;
    this.codec.resumeReading(this.#options.clock());
    this.#resumeReading();
  }

  exchangeEnded(exchange: Http1Exchange): void {
    if (this.#exchange !== exchange) return;
    this.#exchange = null;
    this.#unreported.forget();
    this.#options.observer.exchangeEnded();
    this.#resumeReading?.();
    // A pipelined request may wait in the codec; its handler must not run inside of this one's end.
    queueMicrotask(() => this.#deliver());
  }

  async #read(): Promise<void> {
    const buffer = new ReadBuffer();
    try {
      while (this.#state !== "closed") {
        const length = await this.#connection.read(buffer.bytes);
        if (!this.#received(length === null ? null : buffer.bytes.subarray(0, length))) break;
        if (length !== null) buffer.read(length);
        if (!this.#mayRead()) await this.#untilReadable();
      }
    } catch (error) {
      this.#fail(error);
    }
    buffer.release();
    this.#close();
  }

  /** Returns whether to go on reading. */
  #received(bytes: Uint8Array | null): boolean {
    const now = this.#options.clock();
    if (this.#state === "lingering") {
      this.#lingerBytes += bytes?.length ?? 0;
      return bytes !== null && this.#lingerBytes <= MAX_LINGER_BYTES;
    }
    if (bytes === null) this.codec.receiveEnd(now);
    else {
      this.#options.observer.bytesIn(bytes.length);
      this.codec.receive(bytes, now);
    }
    this.#deliver();
    return bytes !== null;
  }

  #mayRead(): boolean {
    if (this.#state !== "open") return true;
    if (!this.codec.isReadingAllowed) return false;
    return this.#hasRoom(this.#options.highWatermark ?? 0.8);
  }

  #hasRoom(watermark: number): boolean {
    return this.#exchange === null || this.#exchange.heldBytes <= watermark * EXCHANGE_WINDOW_BYTES;
  }

  async #untilReadable(): Promise<void> {
    this.codec.pauseReading(this.#options.clock());
    await new Promise<void>((resolve) => {
      this.#resumeReading = resolve;
    });
    this.#resumeReading = null;
  }

  #deliver(): void {
    if (this.#state !== "open") return;
    for (let event = this.codec.nextEvent(); event !== null; event = this.codec.nextEvent()) {
      switch (event.kind) {
        case "request":
          this.#begin(event.head);
          break;
        case "body":
          this.#exchange?.requestBody(event.bytes);
          break;
        case "end":
          this.#exchange?.requestEnd(event.trailers);
          break;
        case "left":
          this.#abort(new RelayError("client_left", { source: "downstream" }));
          return this.#close();
        case "refused":
          this.#refuse(event.error);
          break;
      }
    }
    this.#afterEvents();
  }

  #begin(head: Http1RequestHead): void {
    const { observer, newRequestId } = this.#options;
    observer.exchangeStarted();
    const exchange = new Http1Exchange(this, { head, requestId: newRequestId() });
    this.#exchange = exchange;
    this.codec.sendContinue();
    exchange.start(this.#options);
  }

  #refuse(error: RelayError): void {
    this.#options.observer.refused(error);
    const exchange = this.#exchange;
    if (exchange === null) Http1Exchange.answerError(this, error, this.#options.newRequestId());
    else {
      this.#abort(error);
      exchange.breakOff(error);
    }
  }

  /** Tells the handler that nobody is there any more. */
  #abort(error: RelayError): void {
    const exchange = this.#exchange;
    if (exchange === null) return;
    this.#exchange = null;
    this.#options.observer.exchangeEnded();
    exchange.requestAbort(error);
  }

  #afterEvents(): void {
    if (this.#state === "closed") return;
    if (this.codec.pendingOutputBytes > 0) this.wake();
    else if (this.codec.shouldClose && !this.#pump.isWriting) this.#linger();
    this.#timer.update();
  }

  #written(chunk: Uint8Array): void {
    const { length } = chunk;
    this.#options.observer.bytesOut(length);
    this.codec.outputWritten(chunk);
    this.#progress();
    const consumed = this.#unreported.written(length, this.codec.pendingOutputBytes === 0);
    if (consumed > 0) this.#exchange?.answerConsumed(consumed);
  }

  #progress(): void {
    if (this.#stalledSince !== null) this.#stalledSince = this.#options.clock();
  }

  #drained(): void {
    this.#stalledSince = null;
    if (this.codec.shouldClose) this.#linger();
  }

  #deadline(): number | null {
    if (this.#state === "closed") return null;
    if (this.#state === "lingering") return this.#lingerUntil;
    const codecAt = this.codec.nextTimeout() ?? Number.POSITIVE_INFINITY;
    const stallAt = this.#stalledSince === null
      ? Number.POSITIVE_INFINITY
      : this.#stalledSince + this.#options.stallTimeoutMs;
    const at = Math.min(codecAt, stallAt);
    return at === Number.POSITIVE_INFINITY ? null : at;
  }

  #expired(): void {
    const now = this.#options.clock();
    if (this.#state === "lingering") return this.#close();
    if (this.#stalledSince !== null && now >= this.#stalledSince + this.#options.stallTimeoutMs) {
      const error = new RelayError("client_stalled", { source: "downstream" });
      this.#options.observer.refused(error);
      this.#abort(error);
      return this.#close();
    }
    this.codec.handleTimeout(now);
    this.#deliver();
  }

  /** Says that no more comes and gives the client time to read what was sent, then closes. */
  #linger(): void {
    if (this.#state !== "open") return;
    this.#state = "lingering";
    this.#abort(new RelayError("client_left", { source: "downstream" }));
    this.#lingerUntil = this.#options.clock() + LINGER_TIMEOUT_MS;
    this.#resumeReading?.();
    this.#timer.update();
    const closing = this.#connection.closeWrite?.();
    if (closing === undefined) return this.#close();
    closing.catch((error) => this.#fail(error));
  }

  #fail(error: unknown): void {
    if (this.#state === "closed") return;
    this.#abort(new RelayError("client_left", { source: "downstream", cause: error }));
    this.#close();
  }

  #close(): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#abort(new RelayError("client_left", { source: "downstream" }));
    this.#pump.stop();
    this.#timer.stop();
    this.#resumeReading?.();
    closeConnection(this.#connection);
  }
}
