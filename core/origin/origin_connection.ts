/** One connection to a model server: bytes between socket and codec, events to the exchange that uses it. */
import { assert } from "../../shared/assert/assert.ts";
import type { Clock } from "../../shared/clock/clock.ts";
import { LazyTimer } from "../../shared/clock/lazy_timer.ts";
import { RelayError } from "../../shared/errors/relay_error.ts";
import { EXCHANGE_WINDOW_BYTES } from "../../shared/exchange/exchange.ts";
import type { Fields } from "../../shared/exchange/fields.ts";
import { Http1ClientCodec } from "../../shared/http1/http1_client_codec.ts";
import { DEFAULT_HTTP1_LIMITS } from "../../shared/http1/http1_limits.ts";
import { closeConnection } from "../../shared/server/close_connection.ts";
import type { ByteConnection } from "../../shared/transport/byte_connection.ts";
import { ReadBuffer } from "../../shared/transport/read_buffer.ts";
import { UnreportedBytes } from "../../shared/transport/unreported_bytes.ts";
import { WritePump } from "../../shared/transport/write_pump.ts";
import type { OriginExchange } from "./origin_exchange.ts";

/** Answer bytes that the exchange has not consumed: above, reading pauses; at the second, it goes on. */
const PAUSE_BYTES = 0.8 * EXCHANGE_WINDOW_BYTES;
const RESUME_BYTES = 0.2 * EXCHANGE_WINDOW_BYTES;

export interface OriginConnectionOptions {
  readonly clock: Clock;
  readonly headTimeoutMs: number;
  readonly idleTimeoutMs: number;
  /** How long it is kept without an exchange. */
  readonly keepTimeoutMs: number;
  /** It may carry another exchange. */
  onIdle(): void;
  /** Called once. */
  onClosed(): void;
}

export class OriginConnection {
  readonly #socket: ByteConnection;
  readonly #options: OriginConnectionOptions;
  readonly #codec = new Http1ClientCodec(DEFAULT_HTTP1_LIMITS);
  readonly #pump: WritePump;
  readonly #timer: LazyTimer;
  readonly #unreported = new UnreportedBytes();
  #exchange: OriginExchange | null = null;
  #exchangeCount = 0;
  #answerBytesHeld = 0;
  #hasAnswerBegun = false;
  #lastByteAt: number;
  #resumeReading: (() => void) | null = null;
  #isClosed = false;

  constructor(socket: ByteConnection, options: OriginConnectionOptions) {
    this.#socket = socket;
    this.#options = options;
    this.#lastByteAt = options.clock.now();
    this.#pump = new WritePump(socket, {
      takeOutput: () => this.#codec.takeOutput(),
      outputWritten: (chunk) => this.#written(chunk),
    }, { onError: (cause) => this.#lost(cause) });
    this.#timer = new LazyTimer({
      clock: () => options.clock.now(),
      deadline: () => this.#deadline(),
      expired: () => this.#expired(),
    });
    void this.#read();
  }

  /** Sends the exchange's request; the connection must be idle. */
  begin(exchange: OriginExchange): void {
    assert(this.#exchange === null && this.#codec.isReusable, "connection in use");
    this.#exchange = exchange;
    this.#exchangeCount++;
    this.#hasAnswerBegun = false;
    this.#answerBytesHeld = 0;
    this.#lastByteAt = this.#options.clock.now();
    this.#codec.sendRequest(exchange.request);
    exchange.begunOn(this);
    this.#pump.wake();
    this.#timer.update();
  }

  sendBody(bytes: Uint8Array): void {
    this.#codec.sendBody(bytes);
    this.#unreported.queued(bytes.length);
    this.#pump.wake();
  }

  sendEnd(trailers: Fields | null): void {
    this.#codec.sendEnd(trailers);
    this.#pump.wake();
  }

  answerConsumed(bytes: number): void {
    this.#answerBytesHeld -= bytes;
    if (this.#resumeReading === null || this.#answerBytesHeld > RESUME_BYTES) return;
    this.#lastByteAt = this.#options.clock.now();
    this.#resumeReading();
  }

  /** Closes the socket at once; the exchange on it is told nothing. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#exchange = null;
    this.#pump.stop();
    this.#timer.stop();
    this.#resumeReading?.();
    closeConnection(this.#socket);
    this.#options.onClosed();
  }

  async #read(): Promise<void> {
    const buffer = new ReadBuffer();
    try {
      while (!this.#isClosed) {
        const length = await this.#socket.read(buffer.bytes);
        if (this.#isClosed) break;
        if (length === null) this.#codec.receiveEnd(0);
        else this.#codec.receive(buffer.bytes.subarray(0, length), 0);
        this.#deliver();
        if (length === null) {
          this.#lost(undefined);
          break;
        }
        buffer.read(length);
        if (this.#answerBytesHeld >= PAUSE_BYTES) await this.#untilReadable();
      }
    } catch (error) {
      this.#lost(error);
    }
    buffer.release();
  }

  #deliver(): void {
    this.#lastByteAt = this.#options.clock.now();
    for (let event = this.#codec.nextEvent(); event !== null; event = this.#codec.nextEvent()) {
      const exchange = this.#exchange;
      if (exchange === null) break;
      if (event.kind === "broken") return this.#broken(event.error);
      this.#hasAnswerBegun = true;
      switch (event.kind) {
        case "body":
          this.#answerBytesHeld += event.bytes.length;
          exchange.answerBody(event.bytes);
          break;
        case "head":
          exchange.head(event.head);
          break;
        case "informational":
          exchange.informational(event.head);
          break;
        case "end":
          this.#exchange = null;
          exchange.answerEnd(event.trailers);
          break;
      }
    }
    if (this.#exchange === null && !this.#isClosed) this.#becomeIdle();
  }

  #becomeIdle(): void {
    this.#unreported.forget();
    this.#answerBytesHeld = 0;
    if (!this.#codec.isReusable || this.#codec.pendingOutputBytes > 0) return this.close();
    this.#lastByteAt = this.#options.clock.now();
    this.#timer.update();
    this.#options.onIdle();
  }

  #broken(error: RelayError): void {
    const exchange = this.#exchange;
    const mayStartAgain = this.#isStale && error.code === "origin_cut";
    this.close();
    if (exchange === null || (mayStartAgain && exchange.canStartAgain())) return;
    exchange.failed(error);
  }

  /** Died without a byte of an answer after it had served before: the server had closed it, most likely. */
  get #isStale(): boolean {
    return this.#exchangeCount > 1 && !this.#hasAnswerBegun;
  }

  /** The socket ended or failed. */
  #lost(cause: unknown): void {
    if (this.#isClosed) return;
    this.#broken(new RelayError("origin_cut", { source: "origin", cause }));
  }

  #written(chunk: Uint8Array): void {
    const { length } = chunk;
    this.#codec.outputWritten(chunk);
    const reported = this.#unreported.written(length, this.#codec.pendingOutputBytes === 0);
    if (reported > 0) this.#exchange?.requestConsumed(reported);
  }

  #deadline(): number | null {
    if (this.#isClosed || this.#resumeReading !== null) return null;
    if (this.#exchange === null) return this.#lastByteAt + this.#options.keepTimeoutMs;
    const { headTimeoutMs, idleTimeoutMs } = this.#options;
    return this.#lastByteAt + (this.#hasAnswerBegun ? idleTimeoutMs : headTimeoutMs);
  }

  #expired(): void {
    const exchange = this.#exchange;
    const message = this.#hasAnswerBegun ? "The origin stopped in the middle of its answer." : "";
    this.close();
    exchange?.failed(new RelayError("origin_timeout", { source: "origin", message }));
  }

  async #untilReadable(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#resumeReading = resolve;
    });
    this.#resumeReading = null;
    this.#timer.update();
  }
}
