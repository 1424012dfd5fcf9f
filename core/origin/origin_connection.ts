/**
 * One connection to a model server: bytes between socket and codec, events to the exchange that uses it, one timer.
 *
 * Invariant: a read is pending whenever the exchange has room, so a kept connection that the server closes is known
 * before it is used. A write that fails ends nothing by itself: a server that answers early and closes has its answer
 * lying in our socket; the rest of the request is dropped and the read tells what came of it.
 */
import { assert } from "../../shared/assert/assert.ts";
import type { Clock } from "../../shared/clock/clock.ts";
import { LazyTimer } from "../../shared/clock/lazy_timer.ts";
import { RelayError } from "../../shared/errors/relay_error.ts";
import { type AnswerHead, EXCHANGE_WINDOW_BYTES, type RequestHead } from "../../shared/exchange/exchange.ts";
import type { Fields } from "../../shared/exchange/fields.ts";
import { Http1ClientCodec, type Http1ClientEvent } from "../../shared/http1/http1_client_codec.ts";
import { DEFAULT_HTTP1_LIMITS } from "../../shared/http1/http1_limits.ts";
import { closeConnection } from "../../shared/server/close_connection.ts";
import type { ByteConnection } from "../../shared/transport/byte_connection.ts";
import { ReadBuffer } from "../../shared/transport/read_buffer.ts";
import { UnreportedBytes } from "../../shared/transport/unreported_bytes.ts";
import { WritePump } from "../../shared/transport/write_pump.ts";

/** Answer bytes that the exchange has not consumed: above the first, reading pauses; at the second, it goes on. */
const PAUSE_BYTES = 0.8 * EXCHANGE_WINDOW_BYTES;
const RESUME_BYTES = 0.2 * EXCHANGE_WINDOW_BYTES;

/** Who uses a connection: one exchange at a time. */
export interface OriginConnectionUser {
  readonly request: RequestHead;
  /** The connection has taken the request's head. */
  begunOn(connection: OriginConnection): void;
  requestConsumed(bytes: number): void;
  informational(head: AnswerHead): void;
  head(head: AnswerHead): void;
  answerBody(bytes: Uint8Array): void;
  answerEnd(trailers: Fields | null): void;
  /** No or no complete answer comes; the connection is closed. */
  connectionLost(loss: ConnectionLoss): void;
}

export interface ConnectionLoss {
  readonly error: RelayError;
  /** It had served before and died without a byte of an answer: the server had closed it already, most likely. */
  readonly isStale: boolean;
}

export interface OriginConnectionOptions {
  readonly clock: Clock;
  readonly headTimeoutMs: number;
  readonly idleTimeoutMs: number;
  /** How long it is kept without an exchange. */
  readonly keepTimeoutMs: number;
  /** A read brought bytes. */
  onRead?(bytes: number): void;
  /** It may carry another exchange. */
  onIdle(): void;
  /** Called once. */
  onClosed(): void;
}

export class OriginConnection {
  /** Resolves when the connection holds nothing any more; never rejects. */
  readonly done: Promise<void>;
  readonly #socket: ByteConnection;
  readonly #options: OriginConnectionOptions;
  readonly #codec = new Http1ClientCodec(DEFAULT_HTTP1_LIMITS);
  readonly #pump: WritePump;
  readonly #timer: LazyTimer;
  readonly #unreported = new UnreportedBytes();
  #user: OriginConnectionUser | null = null;
  /** It has carried an exchange to its end. */
  #hasServed = false;
  /** `onIdle` was called, and no user has come since. */
  #isIdle = false;
  #isRequestEnded = false;
  #hasAnswerBegun = false;
  #heldAnswerBytes = 0;
  #writtenBytes = 0;
  #isWriteBroken = false;
  /** When anything last went forward. */
  #movedAt: number;
  #resumeReading: (() => void) | null = null;
  /** A chunk of output is with the socket. */
  #isChunkOut = false;
  #tellChunkBack: () => void = () => {};
  #isClosed = false;

  constructor(socket: ByteConnection, options: OriginConnectionOptions) {
    this.#socket = socket;
    this.#options = options;
    this.#movedAt = options.clock.now();
    this.#pump = new WritePump(socket, {
      takeOutput: () => this.#takeOutput(),
      outputWritten: (chunk) => this.#guard(() => this.#written(chunk)),
    }, {
      onError: () => this.#guard(() => this.#writeFailed()),
      onProgress: () => this.#moved(),
      onDrain: () => this.#guard(() => this.#drained()),
    });
    this.#timer = new LazyTimer({
      clock: () => options.clock.now(),
      after: (ms, callback) => options.clock.after(ms, callback),
      deadline: () => this.#deadline(),
      expired: () => this.#guard(() => this.#expired()),
    });
    this.done = this.#run();
  }

  // For the user.

  /** Sends the user's request; the connection must be idle. @throws {AssertionError} for a malformed head */
  begin(user: OriginConnectionUser): void {
    assert(this.#user === null && !this.#isClosed, "connection in use");
    try {
      this.#codec.sendRequest(user.request);
    } catch (error) {
      this.close();
      throw error;
    }
    this.#user = user;
    this.#isIdle = false;
    this.#isRequestEnded = false;
    this.#hasAnswerBegun = false;
    this.#heldAnswerBytes = 0;
    this.#writtenBytes = 0;
    user.begunOn(this);
    this.#wake();
  }

  /** @throws {AssertionError} beyond the announced length */
  sendBody(bytes: Uint8Array): void {
    if (this.#isWriteBroken) return this.#user?.requestConsumed(bytes.length);
    this.#codec.sendBody(bytes);
    this.#unreported.queued(bytes.length);
    this.#wake();
  }

  /** @throws {AssertionError} short of the announced length */
  sendEnd(trailers: Fields | null): void {
    this.#isRequestEnded = true;
    if (!this.#isWriteBroken) this.#codec.sendEnd(trailers);
    this.#wake();
  }

  answerConsumed(bytes: number): void {
    this.#heldAnswerBytes -= bytes;
    if (this.#heldAnswerBytes <= RESUME_BYTES) this.#resume();
  }

  /** Closes the socket at once. @param error what its user is told; null: nothing */
  close(error: RelayError | null = null): void {
    if (this.#isClosed) return;
    const user = this.#user;
    const isStale = this.#hasServed && !this.#hasAnswerBegun;
    this.#isClosed = true;
    this.#user = null;
    this.#pump.stop();
    this.#timer.stop();
    closeConnection(this.#socket);
    this.#dropOutput();
    this.#resume();
    this.#options.onClosed();
    if (error !== null) user?.connectionLost({ error, isStale });
  }

  // Reading.

  async #run(): Promise<void> {
    await this.#read();
    if (this.#isChunkOut) await new Promise<void>((resolve) => this.#tellChunkBack = resolve);
  }

  async #read(): Promise<void> {
    const buffer = new ReadBuffer();
    while (!this.#isClosed) {
      const room = EXCHANGE_WINDOW_BYTES - this.#heldAnswerBytes;
      let length: number | null;
      try {
        length = await this.#socket.read(
          room < buffer.bytes.length ? buffer.bytes.subarray(0, room) : buffer.bytes,
        );
      } catch (error) {
        this.#guard(() => this.#lost(error));
        break;
      }
      const bytes = length === null ? null : buffer.bytes.subarray(0, length);
      this.#guard(() => this.#received(bytes));
      if (length !== null) {
        buffer.read(length);
        this.#options.onRead?.(length);
      }
      if (this.#heldAnswerBytes >= PAUSE_BYTES && !this.#isClosed) await this.#untilReadable();
    }
    buffer.release();
  }

  #received(bytes: Uint8Array | null): void {
    if (this.#isClosed) return;
    this.#moved();
    if (bytes === null) this.#codec.receiveEnd(this.#movedAt);
    else {
      this.#hasAnswerBegun = true;
      this.#codec.receive(bytes, this.#movedAt);
    }
    for (let event = this.#codec.nextEvent(); event !== null; event = this.#codec.nextEvent()) {
      if (this.#user === null) break;
      this.#handle(event, this.#user);
    }
    if (bytes === null) this.#lost(undefined);
    else if (this.#user === null) this.#becomeIdle();
    else this.#timer.update();
  }

  #handle(event: Http1ClientEvent, user: OriginConnectionUser): void {
    if (event.kind === "broken") return this.#lost(event.error);
    switch (event.kind) {
      case "body":
        this.#heldAnswerBytes += event.bytes.length;
        return user.answerBody(event.bytes);
      case "head":
        return user.head(event.head);
      case "informational":
        return user.informational(event.head);
      case "end":
        return this.#end(user, event.trailers);
    }
  }

  #end(user: OriginConnectionUser, trailers: Fields | null): void {
    const unreported = this.#unreported.forget();
    this.#user = null;
    this.#hasServed = true;
    this.#heldAnswerBytes = 0;
    if (unreported > 0) user.requestConsumed(unreported);
    user.answerEnd(trailers);
  }

  #becomeIdle(): void {
    if (this.#isClosed) return;
    const { isReusable, pendingOutputBytes } = this.#codec;
    if (!isReusable || pendingOutputBytes > 0 || this.#isWriteBroken) return this.close();
    this.#timer.update();
    if (this.#isIdle || this.#pump.isWriting) return;
    this.#isIdle = true;
    this.#options.onIdle();
  }

  /** The socket ended or failed, or what came on it is no answer. */
  #lost(cause: unknown): void {
    if (this.#isClosed) return;
    if (cause instanceof RelayError && cause.code !== "origin_cut") return this.close(cause);
    const isUnsent = this.#writtenBytes === 0 && !this.#hasAnswerBegun;
    this.close(
      isUnsent
        ? new RelayError("origin_unreachable", { source: "origin", retry: "other_endpoint", cause })
        : new RelayError("origin_cut", { source: "origin", cause }),
    );
  }

  async #untilReadable(): Promise<void> {
    await new Promise<void>((resolve) => this.#resumeReading = resolve);
  }

  #resume(): void {
    const resume = this.#resumeReading;
    if (resume === null) return;
    this.#resumeReading = null;
    this.#moved();
    this.#timer.update();
    resume();
  }

  // Writing.

  #wake(): void {
    this.#moved();
    this.#pump.wake();
    this.#timer.update();
  }

  #takeOutput(): Uint8Array | null {
    const chunk = this.#codec.takeOutput();
    this.#isChunkOut = chunk !== null;
    return chunk;
  }

  #written(chunk: Uint8Array): void {
    const { length } = chunk;
    this.#codec.outputWritten(chunk);
    this.#isChunkOut = false;
    this.#tellChunkBack();
    if (this.#isClosed) return;
    this.#writtenBytes += length;
    this.#moved();
    this.#report(this.#unreported.written(this.#codec.pendingOutputBytes));
  }

  #drained(): void {
    if (this.#isClosed) return;
    this.#report(this.#unreported.forget());
    if (this.#user === null && this.#hasServed) this.#becomeIdle();
  }

  #writeFailed(): void {
    this.#isWriteBroken = true;
    this.#dropOutput();
    this.#report(this.#unreported.forget());
    this.#timer.update();
  }

  #report(bytes: number): void {
    if (bytes > 0) this.#user?.requestConsumed(bytes);
  }

  #dropOutput(): void {
    for (let chunk = this.#codec.takeOutput(); chunk !== null; chunk = this.#codec.takeOutput()) {
      this.#codec.outputWritten(chunk);
    }
  }

  // Time.

  #moved(): void {
    this.#movedAt = this.#options.clock.now();
  }

  #deadline(): number | null {
    // While reading is paused, it is our side that is slow.
    if (this.#isClosed || this.#resumeReading !== null) return null;
    const { keepTimeoutMs, headTimeoutMs, idleTimeoutMs } = this.#options;
    if (this.#user === null) return this.#movedAt + keepTimeoutMs;
    if (this.#hasAnswerBegun) return this.#movedAt + idleTimeoutMs;
    const isRequestAwaited = !this.#isRequestEnded && !this.#isWriteBroken && !this.#pump.isWriting;
    return isRequestAwaited ? null : this.#movedAt + headTimeoutMs;
  }

  #expired(): void {
    const message = this.#hasAnswerBegun ? "The origin stopped in the middle of its answer." : "";
    this.close(new RelayError("origin_timeout", { source: "origin", message }));
  }

  /** An error of our own must not leave the process: it ends this connection. */
  #guard(step: () => void): void {
    try {
      step();
    } catch (cause) {
      const error = new RelayError("internal_error", { source: "internal", cause });
      if (!this.#isClosed) this.#guard(() => this.close(error));
    }
  }
}
