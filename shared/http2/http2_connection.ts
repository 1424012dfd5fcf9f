/**
 * One HTTP/2 connection (RFC 9113) without sockets: bytes and time in, events and bytes out.
 *
 * Input is pulled: `receive()` lends bytes, each `nextEvent()` reads frames until there is something to tell. So
 * nothing is queued between the wire and the driver, and a stream that the driver resets yields no further event,
 * even if its frames came in the same read. Whatever the peer does wrong ends in one of two ways: RST_STREAM, counted
 * against the peer's budget, or GOAWAY, after which nothing more is read. All that a peer can make us keep is bounded:
 * streams and their heads, one field block, one frame, control frames that wait to be written; bodies by the windows.
 * Sending on a closed stream does nothing: the driver may learn of the end one event later.
 */
import { assert } from "../assert/assert.ts";
import type { RelayError } from "../errors/relay_error.ts";
import { type AnswerHead, EXCHANGE_WINDOW_BYTES, type RequestHead } from "../exchange/exchange.ts";
import type { Fields } from "../exchange/fields.ts";
import { isBodyless, isSentWhole } from "./body_account.ts";
import { ConnectionState, type Http2ConnectionOptions } from "./connection_state.ts";
import { MAX_STREAM_ID } from "./frame.ts";
import { FrameHandler } from "./frame_handler.ts";
import { FrameReader } from "./frame_reader.ts";
import { floodError, HTTP2_ERROR, Http2Error } from "./http2_error.ts";
import type { Http2Event } from "./http2_event.ts";
import { stalled, tooSlow, violation } from "./http2_failure.ts";
import type { Http2Stream } from "./http2_stream.ts";
import { MessageHandler } from "./message_handler.ts";
import { CLIENT_PREFACE } from "./preface.ts";
import { SETTING, type Setting } from "./settings_frame.ts";
import { isBodyTooSlow, isStalled } from "./stream_deadlines.ts";

/** Opaque bytes of the PING that follows the first GOAWAY of a drain. */
const DRAIN_PING: Uint8Array = new TextEncoder().encode("lowubye!");
/** Informational answers are dropped while so much output waits: they may be, and nothing else bounds them. */
const MAX_OUTPUT_FOR_INFORMATIONAL_BYTES = 256 * 1024;

/** What a connection holds: for metrics and for tests that nothing leaks. */
export interface Http2Counts {
  readonly streams: number;
  readonly openHeadBytes: number;
  /** Request or answer bytes told and not consumed. */
  readonly unconsumedBytes: number;
  /** Consumed bytes that the peer has not been credited yet. */
  readonly uncreditedBytes: number;
  /** Bytes the peer may still send, and we. */
  readonly receiveWindowBytes: number;
  readonly sendWindowBytes: number;
  /** Body bytes waiting for windows. */
  readonly heldBytes: number;
  readonly pendingOutputBytes: number;
  /** DATA frames framed and not yet written. */
  readonly unwrittenFrames: number;
}

export class Http2Connection<Owner> {
  readonly #state: ConnectionState<Owner>;
  readonly #stallTimeoutMs: number;
  readonly #reader: FrameReader;
  readonly #frames: FrameHandler<Owner>;
  #isFailed = false;
  #drain: "none" | "announced" | "final" = "none";
  #takenChunks = 0;
  #writtenChunks = 0;
  /** The chunk that was unwritten at some scan, and when that was. */
  #waitingChunk = -1;
  #waitingSinceMs = 0;

  constructor(options: Http2ConnectionOptions) {
    this.#state = new ConnectionState(options);
    this.#stallTimeoutMs = options.stallTimeoutMs;
    this.#reader = new FrameReader(options.role === "server");
    const messages = new MessageHandler(this.#state);
    this.#frames = new FrameHandler(this.#state, { messages, onPingAck: () => this.#finishDrain() });
    this.#start();
  }

  #start(): void {
    const { role, limits, output, control, receiveFlow } = this.#state;
    if (role === "client") output.append(CLIENT_PREFACE);
    const first: Setting = role === "client"
      ? [SETTING.ENABLE_PUSH, 0]
      : [SETTING.MAX_CONCURRENT_STREAMS, limits.maxConcurrentStreams];
    control.settings([
      first,
      [SETTING.INITIAL_WINDOW_SIZE, EXCHANGE_WINDOW_BYTES],
      [SETTING.MAX_HEADER_LIST_SIZE, limits.maxHeadBytes],
    ]);
    receiveFlow.start();
  }

  /** Lends `bytes` until `nextEvent()` returns null. */
  receive(bytes: Uint8Array, now: number): void {
    this.#state.clock.advance(now);
    if (!this.#isFailed) this.#reader.receive(bytes);
  }

  /** The next event, or null when all that was received is read and all that was written is told. */
  nextEvent(): Http2Event<Owner> | null {
    const { events, sendFlow, clock } = this.#state;
    for (;;) {
      const event = events.shift();
      if (event !== undefined) {
        if ("stream" in event && event.stream.isLocallyReset && event.kind !== "closed") continue;
        return event;
      }
      const sent = sendFlow.ledger.next();
      if (sent !== null) {
        if (sent.stream.isLocallyReset) continue;
        return { kind: "sent", stream: sent.stream, bytes: sent.bytes };
      }
      if (this.#isFailed || !this.#readFrame()) break;
    }
    if (this.#reader.isWithinFieldBlock || this.#frames.isWithinFieldBlock) clock.blockBegan();
    return null;
  }

  /** @returns false if there is no whole frame, nor a piece of DATA */
  #readFrame(): boolean {
    try {
      if (!this.#reader.next()) return false;
      this.#frames.onFrame(this.#reader);
      const { output, limits } = this.#state;
      if (output.controlBytes > limits.maxPendingControlBytes) throw floodError("answers are not read");
    } catch (error) {
      if (!(error instanceof Http2Error)) throw error;
      if (error.streamId === 0) this.#fail(error.errorCode, violation(this.#state.role, error));
      else this.#failStream(error);
    }
    return true;
  }

  // Answering: server only.

  sendInformational(stream: Http2Stream<Owner>, head: AnswerHead): void {
    if (stream.isClosed || this.#state.output.pendingBytes > MAX_OUTPUT_FOR_INFORMATIONAL_BYTES) return;
    assert(!stream.hasSentHead, "informational answer behind the head");
    this.#state.writeSection(stream, {
      pseudo: [":status", String(head.status)],
      fields: head.fields,
      isEnd: false,
    });
  }

  sendHead(stream: Http2Stream<Owner>, head: AnswerHead): void {
    if (stream.isClosed) return;
    assert(!stream.hasSentHead, "second head");
    stream.hasSentHead = true;
    const pseudo = [":status", String(head.status)];
    // RFC 9110 §8.6: none with 204.
    if (head.contentLength !== null && head.status !== 204) {
      pseudo.push("content-length", String(head.contentLength));
    }
    stream.announcedBytes = isBodyless(head.status, stream.isHeadRequest) ? 0 : head.contentLength;
    this.#state.writeSection(stream, { pseudo, fields: head.fields, isEnd: false });
  }

  // Asking: client only.

  /** False: the peer's limit of streams is reached, or it or we said goodbye. */
  get canOpenStream(): boolean {
    const { streams, peerMaxStreams, hasPeerGoaway } = this.#state;
    const isLeaving = this.#isFailed || hasPeerGoaway || this.#drain !== "none";
    return !isLeaving && streams.hasIdsLeft && streams.size < peerMaxStreams;
  }

  /** Opens a stream; only while {@linkcode canOpenStream}. A `contentLength` of 0 also ends the request. */
  sendRequest(head: RequestHead, owner: Owner): Http2Stream<Owner> {
    assert(this.#state.role === "client" && this.canOpenStream, "no stream can be opened");
    const stream = this.#state.open(this.#state.streams.takeId(), 0);
    stream.owner = owner;
    stream.isAnnounced = true;
    stream.hasSentHead = true;
    stream.isHeadRequest = head.method === "HEAD";
    stream.announcedBytes = head.contentLength;
    const pseudo = [":method", head.method, ":scheme", head.scheme];
    pseudo.push(":authority", head.authority, ":path", head.path);
    const isEnd = head.contentLength === 0;
    const isLengthMeant = !isEnd || (head.method !== "GET" && head.method !== "HEAD");
    if (head.contentLength !== null && isLengthMeant) {
      pseudo.push("content-length", String(head.contentLength));
    }
    this.#state.writeSection(stream, { pseudo, fields: head.fields, isEnd });
    if (isEnd) stream.sendState = "ended";
    return stream;
  }

  // Both.

  /**
   * Sends a copy of `bytes`, at once or when windows allow.
   * @returns false, with nothing done, if they exceed the announced length or the window of the exchange
   */
  sendBody(stream: Http2Stream<Owner>, bytes: Uint8Array): boolean {
    if (stream.isClosed) return true;
    assert(stream.hasSentHead && stream.sendState === "open", "body out of place");
    const { announcedBytes, acceptedBytes, heldBytes } = stream;
    if (announcedBytes !== null && acceptedBytes + bytes.length > announcedBytes) return false;
    if (heldBytes + bytes.length > EXCHANGE_WINDOW_BYTES) return false;
    if (bytes.length > 0) this.#state.sendFlow.send(stream, bytes);
    return true;
  }

  /**
   * Our message is complete. On a server this ends the stream, also if the request is not complete.
   * @returns false, with nothing done, if the body is shorter than announced
   */
  sendEnd(stream: Http2Stream<Owner>, trailers: Fields | null): boolean {
    if (stream.isClosed || stream.sendState !== "open") return true;
    assert(stream.hasSentHead, "end before the head");
    if (!isSentWhole(stream)) return false;
    this.#state.sendFlow.end(stream, trailers !== null && trailers.size > 0 ? trailers : null);
    return true;
  }

  /** Ends both messages; no further event comes for the stream. */
  reset(stream: Http2Stream<Owner>, errorCode: number): void {
    if (stream.isClosed) return;
    stream.isLocallyReset = true;
    this.#state.control.rstStream(stream.id, errorCode);
    this.#state.close(stream, "reset");
  }

  /** `bytes` of the body told for this stream have left our memory; after {@linkcode discard} all have. */
  consumed(stream: Http2Stream<Owner>, bytes: number): void {
    this.#state.receiveFlow.consumed(stream, Math.min(bytes, stream.unconsumedBytes));
  }

  /** What the peer sends from now on is dropped, without events; the stream can still be sent on. */
  discard(stream: Http2Stream<Owner>): void {
    if (stream.isClosed || stream.isDiscarding) return;
    this.#state.receiveFlow.consumed(stream, stream.unconsumedBytes);
    stream.isDiscarding = true;
  }

  /** Takes no new streams: says so, lets those under way arrive and finish, then {@linkcode shouldClose}. */
  drain(): void {
    if (this.#drain !== "none" || this.#isFailed) return;
    const { role, control, clock } = this.#state;
    if (role === "client") {
      this.#drain = "final";
      control.goaway({ lastStreamId: 0, errorCode: HTTP2_ERROR.NO_ERROR });
      return;
    }
    // RFC 9113 §6.8: the second GOAWAY names the last stream once those under way must have arrived.
    this.#drain = "announced";
    control.goaway({ lastStreamId: MAX_STREAM_ID, errorCode: HTTP2_ERROR.NO_ERROR });
    control.ping(DRAIN_PING, false);
    clock.goawayAnnounced();
  }

  #finishDrain(): void {
    if (this.#drain !== "announced") return;
    this.#drain = "final";
    const { streams, control, clock } = this.#state;
    clock.goawayFinal();
    this.#state.lastTakenId = streams.lastPeerId;
    control.goaway({ lastStreamId: streams.lastPeerId, errorCode: HTTP2_ERROR.NO_ERROR });
  }

  /** Nothing more will be done here: close once the output is written. */
  get shouldClose(): boolean {
    if (this.#isFailed) return true;
    const isLeaving = this.#drain === "final" || this.#state.hasPeerGoaway;
    return isLeaving && this.#state.streams.size === 0;
  }

  /** Closes all streams without telling and returns them: the connection is lost, or was refused. */
  abandon(): Http2Stream<Owner>[] {
    this.#isFailed = true;
    this.#reader.discard();
    this.#state.events.length = 0;
    this.#state.sendFlow.ledger.clear();
    const streams = [...this.#state.streams.values()];
    for (const stream of streams) this.#state.close(stream, "ended");
    return streams;
  }

  // Output: see `OutputSource`.

  takeOutput(): Uint8Array | null {
    this.#state.sendFlow.fill();
    const chunk = this.#state.output.take();
    if (chunk !== null) this.#takenChunks++;
    return chunk;
  }

  /** Afterwards `nextEvent()` tells what was sent. */
  outputWritten(chunk: Uint8Array): void {
    this.#writtenChunks++;
    this.#state.sendFlow.ledger.written(chunk.length);
    this.#state.output.release(chunk);
  }

  get pendingOutputBytes(): number {
    return this.#state.output.pendingBytes;
  }

  get counts(): Http2Counts {
    const { streams, receiveFlow, sendFlow, output } = this.#state;
    return {
      streams: streams.size,
      openHeadBytes: streams.openHeadBytes,
      unconsumedBytes: receiveFlow.unconsumedBytes,
      uncreditedBytes: receiveFlow.uncreditedBytes,
      receiveWindowBytes: receiveFlow.windowBytes,
      sendWindowBytes: sendFlow.windowBytes,
      heldBytes: sendFlow.heldBytes,
      pendingOutputBytes: output.pendingBytes,
      unwrittenFrames: sendFlow.ledger.length,
    };
  }

  // Time.

  /** When to call {@linkcode handleTimeout}, in ms of the same clock; null: not needed now. */
  nextTimeout(): number | null {
    if (this.#isFailed) return null;
    const { sendFlow, clock, openRequestCount } = this.#state;
    const isWriting = this.#takenChunks > this.#writtenChunks;
    return clock.next(isWriting || sendFlow.heldBytes > 0 || openRequestCount > 0);
  }

  /** Afterwards `nextEvent()` tells what came of it. */
  handleTimeout(now: number): void {
    const { clock, role } = this.#state;
    clock.advance(now);
    for (let due = clock.due(); due !== null && !this.#isFailed; due = clock.due()) {
      if (due === "idle") this.drain();
      else if (due === "goaway") this.#finishDrain();
      else if (due === "scan") this.#scan();
      else this.#fail(HTTP2_ERROR.ENHANCE_YOUR_CALM, tooSlow(role));
    }
  }

  #scan(): void {
    const { clock, streams, limits, role, receiveFlow, events } = this.#state;
    const now = clock.now;
    if (this.#isWriteStalled(now)) return this.#fail(HTTP2_ERROR.ENHANCE_YOUR_CALM, stalled(role));
    const isConnectionHeldBack = receiveFlow.unconsumedBytes >= limits.connectionWindowBytes / 2;
    for (const stream of streams.values()) {
      if (isStalled(stream, { stallTimeoutMs: this.#stallTimeoutMs, now })) {
        this.#state.resetAndTell(stream, { errorCode: HTTP2_ERROR.CANCEL, error: stalled(role) });
        continue;
      }
      const isHeldBack = isConnectionHeldBack || stream.unconsumedBytes >= EXCHANGE_WINDOW_BYTES / 2;
      if (role === "client" || !isBodyTooSlow(stream, { limits, isHeldBack, now })) continue;
      this.discard(stream);
      events.push({ kind: "stream_refused", stream, error: tooSlow(role) });
    }
  }

  /** A chunk that the socket has not taken since some scan long ago. */
  #isWriteStalled(now: number): boolean {
    if (this.#takenChunks === this.#writtenChunks) return false;
    if (this.#waitingChunk !== this.#takenChunks) {
      this.#waitingChunk = this.#takenChunks;
      this.#waitingSinceMs = now;
    }
    return now - this.#waitingSinceMs >= this.#stallTimeoutMs;
  }

  // Failure.

  #failStream(error: Http2Error): void {
    const { guard, clock, streams, control, role } = this.#state;
    try {
      guard.reset(clock.now);
    } catch (flood) {
      if (!(flood instanceof Http2Error)) throw flood;
      return this.#fail(flood.errorCode, violation(role, flood));
    }
    const stream = streams.get(error.streamId);
    if (stream !== undefined) {
      this.#state.resetAndTell(stream, { errorCode: error.errorCode, error: violation(role, error) });
      return;
    }
    control.rstStream(error.streamId, error.errorCode);
    streams.refuse(error.streamId);
  }

  #fail(errorCode: number, error: RelayError): void {
    this.#isFailed = true;
    this.#reader.discard();
    const { control, events, streams } = this.#state;
    control.goaway({ lastStreamId: streams.lastPeerId, errorCode });
    events.push({ kind: "refused", error });
  }
}
