/**
 * Flow control and fairness of what is sent (RFC 9113 §5.2, §6.9).
 *
 * A token of a few bytes with window and room in the output is framed at once, so small frames go first-come. All
 * else is held per stream and framed when output is taken: round robin, one frame of at most 16 KiB a turn, no more
 * than `OUTPUT_TARGET_BYTES` ahead of the socket. So a bulk answer delays a token by the target at the most, and a
 * stream that waits for its own window costs no turn. The bytes of each DATA frame are remembered until the
 * socket has taken them: only then is the sender told.
 */
import { OutputBuffer } from "../buffers/output_buffer.ts";
import type { Fields } from "../exchange/fields.ts";
import { writeDataFrame } from "./data_frame.ts";
import { FRAME_HEAD_BYTES, MAX_FRAME_BYTES, MAX_WINDOW_BYTES } from "./frame.ts";
import { HTTP2_ERROR, Http2Error } from "./http2_error.ts";
import type { Http2Output } from "./http2_output.ts";
import type { Http2Stream } from "./http2_stream.ts";
import { DEFAULT_WINDOW_BYTES } from "./receive_flow.ts";
import { SentLedger } from "./sent_ledger.ts";

/** DATA framed ahead of the socket. */
const OUTPUT_TARGET_BYTES = 64 * 1024;
/** Frames up to this size may go ahead of held ones, within twice the target. */
const SMALL_BYTES = 1024;

export interface SendHooks<Owner> {
  /** Frame the trailers, with END_STREAM. */
  writeTrailers(stream: Http2Stream<Owner>, trailers: Fields): void;
  dataFramed(): void;
  /** END_STREAM has been framed. */
  sendEnded(stream: Http2Stream<Owner>): void;
}

const EMPTY = new Uint8Array(0);

export class SendFlow<Owner> {
  readonly ledger = new SentLedger<Owner>();
  readonly #output: Http2Output;
  readonly #hooks: SendHooks<Owner>;
  #window = DEFAULT_WINDOW_BYTES;
  #initialStreamWindow = DEFAULT_WINDOW_BYTES;
  #heldBytes = 0;
  #firstReady: Http2Stream<Owner> | null = null;
  #lastReady: Http2Stream<Owner> | null = null;

  constructor(output: Http2Output, hooks: SendHooks<Owner>) {
    this.#output = output;
    this.#hooks = hooks;
  }

  /** Bytes we may still send on the connection. */
  get windowBytes(): number {
    return this.#window;
  }

  get initialStreamWindow(): number {
    return this.#initialStreamWindow;
  }

  /** Body bytes held over all streams. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Frames `bytes` or keeps a copy. */
  send(stream: Http2Stream<Owner>, bytes: Uint8Array): void {
    stream.acceptedBytes += bytes.length;
    if (stream.heldBytes === 0 && this.#hasRoomFor(stream, bytes.length)) {
      for (let at = 0; at < bytes.length; at += MAX_FRAME_BYTES) {
        const isWhole = bytes.length <= MAX_FRAME_BYTES;
        this.#frame(stream, isWhole ? bytes : bytes.subarray(at, at + MAX_FRAME_BYTES));
      }
      return;
    }
    stream.held ??= new OutputBuffer();
    stream.held.append(bytes);
    stream.heldBytes += bytes.length;
    this.#heldBytes += bytes.length;
    this.#makeReady(stream);
  }

  /** No body follows; the end is framed behind what is held. */
  end(stream: Http2Stream<Owner>, trailers: Fields | null): void {
    stream.sendState = "ending";
    stream.trailers = trailers;
    if (stream.heldBytes > 0) return;
    if (trailers === null) this.#frameEnd(stream);
    else this.#finish(stream);
  }

  /** Frames held bytes as far as windows and the output's target allow. */
  fill(): void {
    while (this.#window > 0 && this.#output.pendingBytes < OUTPUT_TARGET_BYTES) {
      const stream = this.#firstReady;
      if (stream === null) return;
      this.#firstReady = stream.nextReady;
      if (this.#firstReady === null) this.#lastReady = null;
      stream.nextReady = null;
      stream.isReady = false;
      if (stream.heldBytes === 0 || stream.sendWindow <= 0) continue;
      this.#frameHeld(stream);
      this.#makeReady(stream);
    }
  }

  /** WINDOW_UPDATE. @throws {Http2Error} FLOW_CONTROL_ERROR if a window would exceed 2^31 - 1 (RFC 9113 §6.9.1) */
  grow(stream: Http2Stream<Owner> | null, increment: number): void {
    const window = (stream === null ? this.#window : stream.sendWindow) + increment;
    if (window > MAX_WINDOW_BYTES) {
      throw new Http2Error("window beyond 2^31 - 1", {
        errorCode: HTTP2_ERROR.FLOW_CONTROL_ERROR,
        streamId: stream?.id ?? 0,
      });
    }
    if (stream === null) this.#window = window;
    else {
      stream.sendWindow = window;
      this.#makeReady(stream);
    }
  }

  /** SETTINGS_INITIAL_WINDOW_SIZE changed: every open stream's window moves by the difference (RFC 9113 §6.9.2). */
  setInitialWindow(bytes: number, streams: Iterable<Http2Stream<Owner>>): void {
    const difference = bytes - this.#initialStreamWindow;
    this.#initialStreamWindow = bytes;
    for (const stream of streams) {
      stream.sendWindow += difference;
      if (stream.sendWindow > MAX_WINDOW_BYTES) {
        throw new Http2Error("window beyond 2^31 - 1", { errorCode: HTTP2_ERROR.FLOW_CONTROL_ERROR });
      }
      this.#makeReady(stream);
    }
  }

  /** The stream closed: held bytes are dropped. */
  close(stream: Http2Stream<Owner>): void {
    this.#heldBytes -= stream.heldBytes;
    stream.heldBytes = 0;
    if (stream.heldChunk !== null) stream.held?.release(stream.heldChunk);
    stream.heldChunk = null;
    stream.held?.clear();
    stream.held = null;
    stream.trailers = null;
  }

  #hasRoomFor(stream: Http2Stream<Owner>, bytes: number): boolean {
    if (bytes > stream.sendWindow || bytes > this.#window) return false;
    const target = bytes <= SMALL_BYTES ? 2 * OUTPUT_TARGET_BYTES : OUTPUT_TARGET_BYTES;
    return this.#output.pendingBytes + bytes <= target;
  }

  #makeReady(stream: Http2Stream<Owner>): void {
    if (stream.isReady || stream.heldBytes === 0 || stream.sendWindow <= 0) return;
    stream.isReady = true;
    if (this.#lastReady === null) this.#firstReady = stream;
    else this.#lastReady.nextReady = stream;
    this.#lastReady = stream;
  }

  /** One frame from the front of what the stream holds. */
  #frameHeld(stream: Http2Stream<Owner>): void {
    const chunk = stream.heldChunk ?? stream.held?.take() ?? EMPTY;
    const room = Math.min(MAX_FRAME_BYTES, this.#window, stream.sendWindow);
    const at = stream.heldChunkAt;
    const bytes = chunk.subarray(at, Math.min(chunk.length, at + room));
    stream.heldChunk = chunk;
    stream.heldChunkAt = at + bytes.length;
    stream.heldBytes -= bytes.length;
    this.#heldBytes -= bytes.length;
    this.#frame(stream, bytes);
    if (stream.heldChunkAt === chunk.length) {
      stream.held?.release(chunk);
      stream.heldChunk = null;
      stream.heldChunkAt = 0;
    }
    if (stream.heldBytes > 0) return;
    stream.held = null;
    if (stream.sendState === "ending") this.#finish(stream);
  }

  /** With trailers they carry END_STREAM; without, the last DATA frame did. */
  #finish(stream: Http2Stream<Owner>): void {
    const trailers = stream.trailers;
    stream.trailers = null;
    if (trailers !== null) this.#hooks.writeTrailers(stream, trailers);
    stream.sendState = "ended";
    this.#hooks.sendEnded(stream);
  }

  #frameEnd(stream: Http2Stream<Owner>): void {
    writeDataFrame(this.#output.reserve(FRAME_HEAD_BYTES), {
      streamId: stream.id,
      bytes: EMPTY,
      isEnd: true,
    });
    this.#finish(stream);
  }

  #frame(stream: Http2Stream<Owner>, bytes: Uint8Array): void {
    const isEnd = stream.sendState === "ending" && stream.heldBytes === 0 && stream.trailers === null;
    const view = this.#output.reserve(FRAME_HEAD_BYTES + bytes.length);
    writeDataFrame(view, { streamId: stream.id, bytes, isEnd });
    stream.sendWindow -= bytes.length;
    this.#window -= bytes.length;
    stream.framedBytes += bytes.length;
    this.ledger.add(stream, { bytes: bytes.length, endOffset: this.#output.appendedBytes });
    this.#hooks.dataFramed();
  }
}
