/**
 * Serves HTTP/2 on one connection: moves bytes between the connection and `Http2Connection`, and events between it
 * and the exchanges.
 *
 * One read is always under way, into a small slab while the connection is quiet. Everything the codec tells is
 * handled before the slab goes back. One timer follows the codec's next deadline; it is moved only forward
 * lazily, when it fires, so that traffic does not touch it. When the codec is done the rest is written, then the peer
 * gets a moment to close first: closing over unread input would destroy the last frames on their way.
 */
import { giveSlab, LARGEST_SLAB_BYTES, takeSlab } from "../buffers/slab_pool.ts";
import { RelayError } from "../errors/relay_error.ts";
import type { RequestHead } from "../exchange/exchange.ts";
import { Fields } from "../exchange/fields.ts";
import { Http2Connection } from "../http2/http2_connection.ts";
import type { Http2Event } from "../http2/http2_event.ts";
import type { Http2Stream } from "../http2/http2_stream.ts";
import type { Http2RequestHead } from "../http2/request_head.ts";
import type { ByteConnection } from "../transport/byte_connection.ts";
import { type OutputSource, WritePump } from "../transport/write_pump.ts";
import { closeConnection } from "./close_connection.ts";
import { Http2Exchange, type Http2ExchangePort, sendErrorAnswer } from "./http2_exchange.ts";
import { onAbort } from "./on_abort.ts";
import type { ServeOptions } from "./serve_options.ts";

const QUIET_READ_BYTES = 1024;
/** For the peer to read the last frames and close. */
const LINGER_MS = 500;
/** A connection that broke the protocol gets so long for its GOAWAY. */
const REFUSED_CLOSE_MS = 2000;

const CONTINUE = 100;

/** Resolves when the connection is done and closed; never rejects. */
export function serveHttp2(connection: ByteConnection, options: ServeOptions): Promise<void> {
  return new Http2Driver(connection, options).run();
}

type Stream = Http2Stream<Http2Exchange>;

class Http2Driver implements OutputSource, Http2ExchangePort {
  readonly codec: Http2Connection<Http2Exchange>;
  readonly #connection: ByteConnection;
  readonly #options: ServeOptions;
  readonly #pump: WritePump;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #timerAt = Infinity;
  #closeTimer: ReturnType<typeof setTimeout> | undefined;
  /** Why reading ended, if not by the client's end of stream. */
  #readError: unknown;
  #isLingering = false;
  #isClosed = false;
  readonly #onTimer = () => this.#guard(() => this.#handleTimeout());

  constructor(connection: ByteConnection, options: ServeOptions) {
    this.#connection = connection;
    this.#options = options;
    this.codec = new Http2Connection({
      role: "server",
      limits: options.http2,
      stallTimeoutMs: options.stallTimeoutMs,
      now: options.clock(),
    });
    this.#pump = new WritePump(connection, this, {
      onError: () => this.#close(),
      onDrain: () => this.#closeIfDone(),
    });
  }

  async run(): Promise<void> {
    const { signal } = this.#options;
    const stopWaiting = onAbort(signal, () => this.#guard(() => this.#drain()));
    if (signal.aborted) this.codec.drain();
    this.wake();
    this.#armTimer();
    await this.#readAll();
    stopWaiting();
    this.#guard(() =>
      this.#abandon(new RelayError("client_left", { source: "downstream", cause: this.#readError }))
    );
    this.#close();
  }

  // For exchanges.

  wake(): void {
    this.#pump.wake();
  }

  exchangeEnded(): void {
    this.#options.observer.exchangeEnded();
  }

  // For the pump.

  takeOutput(): Uint8Array | null {
    const chunk = this.codec.takeOutput();
    if (chunk !== null) this.#armTimer();
    return chunk;
  }

  outputWritten(chunk: Uint8Array): void {
    const bytes = chunk.length;
    this.codec.outputWritten(chunk);
    this.#options.observer.bytesOut(bytes);
    this.#guard(() => this.#tellAll());
  }

  async #readAll(): Promise<void> {
    let size = QUIET_READ_BYTES;
    while (!this.#isClosed) {
      const slab = takeSlab(size);
      const bytes = await this.#read(slab);
      if (bytes !== null) {
        this.#options.observer.bytesIn(bytes);
        this.#guard(() => {
          this.codec.receive(slab.subarray(0, bytes), this.#options.clock());
          this.#tellAll();
        });
      }
      giveSlab(slab);
      if (bytes === null) return;
      if (bytes === size) size = Math.min(size * 4, LARGEST_SLAB_BYTES);
      else if (bytes <= QUIET_READ_BYTES) size = QUIET_READ_BYTES;
    }
  }

  /** @returns null at the end of the stream, and when the connection broke: both mean that the client left */
  async #read(slab: Uint8Array): Promise<number | null> {
    try {
      return await this.#connection.read(slab);
    } catch (error) {
      this.#readError = error;
      return null;
    }
  }

  #tellAll(): void {
    for (let event = this.codec.nextEvent(); event !== null; event = this.codec.nextEvent()) {
      this.#tell(event);
    }
    this.wake();
    this.#armTimer();
    if (this.codec.shouldClose) this.#closeIfDone();
  }

  #tell(event: Http2Event<Http2Exchange>): void {
    switch (event.kind) {
      case "request":
        return this.#begin(event.stream, event.head);
      case "body":
        return event.stream.owner?.receiveBody(event.bytes);
      case "end":
        return event.stream.owner?.receiveEnd(event.trailers);
      case "sent":
        return event.stream.owner?.sent(event.bytes);
      case "closed":
        return event.stream.owner?.closed(event.error);
      case "stream_refused":
        return this.#refuseStream(event.stream, event.error);
      case "refused":
        this.#options.observer.refused(event.error);
        this.#abandon(event.error);
        return this.#closeAfter(REFUSED_CLOSE_MS);
      default:
        // "settings" and "goaway" ask nothing of a server; answers come to clients only.
        return;
    }
  }

  #begin(stream: Stream, head: Http2RequestHead): void {
    const { handler, scheme, clientAddress, newRequestId, observer } = this.#options;
    const { method, authority, path, fields, contentLength } = head;
    const id = newRequestId();
    const request: RequestHead = {
      context: { id, kind: "client", clientAddress, protocol: "h2" },
      ...{ method, scheme, authority, path, fields, contentLength },
    };
    const exchange = new Http2Exchange(this, { stream, requestId: id });
    stream.owner = exchange;
    observer.exchangeStarted();
    exchange.attach(handler(request, exchange));
    if (head.expectsContinue) {
      exchange.informational({ status: CONTINUE, fields: new Fields(), contentLength: null });
    }
  }

  #refuseStream(stream: Stream, error: RelayError): void {
    this.#options.observer.refused(error);
    if (stream.owner !== null) stream.owner.refuse(error);
    else sendErrorAnswer(this.codec, { stream, error, requestId: this.#options.newRequestId() });
  }

  #drain(): void {
    this.codec.drain();
    this.#tellAll();
  }

  #handleTimeout(): void {
    this.#timer = undefined;
    this.#timerAt = Infinity;
    this.codec.handleTimeout(this.#options.clock());
    this.#tellAll();
  }

  /** A timer that fires too early is cheaper than one that moves with all traffic. */
  #armTimer(): void {
    const at = this.#isClosed ? null : this.codec.nextTimeout();
    if (at === null || at >= this.#timerAt) return;
    clearTimeout(this.#timer);
    this.#timerAt = at;
    this.#timer = setTimeout(this.#onTimer, Math.max(0, at - this.#options.clock()));
  }

  #closeIfDone(): void {
    if (!this.codec.shouldClose || this.codec.pendingOutputBytes > 0 || this.#pump.isWriting) return;
    if (this.#isLingering) return;
    this.#isLingering = true;
    this.#closeAfter(LINGER_MS);
  }

  #closeAfter(ms: number): void {
    clearTimeout(this.#closeTimer);
    this.#closeTimer = setTimeout(() => this.#close(), ms);
  }

  /** The streams are lost: their exchanges are. */
  #abandon(error: RelayError): void {
    for (const stream of this.codec.abandon()) stream.owner?.closed(error);
  }

  #close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#closeTimer);
    this.#pump.stop();
    closeConnection(this.#connection);
  }

  /** An error of our own must not leave the process: it ends this connection. */
  #guard(step: () => void): void {
    try {
      step();
    } catch (cause) {
      this.#options.observer.refused(new RelayError("internal_error", { source: "internal", cause }));
      this.#close();
    }
  }
}
