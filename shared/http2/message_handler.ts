/**
 * Requests and answers as they arrive: field blocks and DATA frames become events (RFC 9113 §8.1).
 *
 * Every block is decoded, also one for a stream that is refused or gone: the compression state is the connection's.
 * Every DATA frame is charged to the connection, also one for a stream that is gone.
 */
import { checkReceivedWhole, countReceived, isBodyless } from "./body_account.ts";
import { readAnswerHead } from "./answer_head.ts";
import type { Fields } from "../exchange/fields.ts";
import type { ConnectionState } from "./connection_state.ts";
import type { FieldBlock } from "./field_block.ts";
import { FLAG } from "./frame.ts";
import type { FrameReader } from "./frame_reader.ts";
import { type DecodedBlock, HpackDecoder } from "./hpack_decoder.ts";
import { HTTP2_ERROR, Http2Error, malformed, protocolError } from "./http2_error.ts";
import { headTooLarge } from "./http2_failure.ts";
import type { Http2Stream } from "./http2_stream.ts";
import { readRequestHead } from "./request_head.ts";
import { readTrailers } from "./trailers.ts";

export class MessageHandler<Owner> {
  readonly #state: ConnectionState<Owner>;
  readonly #decoder: HpackDecoder;
  /** The stream of the DATA frame being read; null: gone. */
  #dataStream: Http2Stream<Owner> | null = null;
  /** Body bytes seen of that frame. */
  #dataBytes = 0;

  constructor(state: ConnectionState<Owner>) {
    this.#state = state;
    this.#decoder = new HpackDecoder(state.limits);
  }

  /** A whole field block: the head or the trailers of some stream. */
  onBlock(block: FieldBlock): void {
    const decoded = this.#decoder.decode(block.bytes);
    const stream = this.#state.streams.get(block.streamId);
    if (stream === undefined) {
      if (this.#isNewRequest(block.streamId)) this.#onRequestHead(block, decoded);
    } else if (stream.hasReceivedHead) this.#onTrailers(stream, { block, decoded });
    else this.#onAnswerHead(stream, { block, decoded });
  }

  /** A piece of a DATA frame. */
  onData(reader: FrameReader): void {
    if (reader.isFirstPiece) this.#beginData(reader);
    const stream = this.#dataStream;
    if (stream === null) return;
    const { receiveFlow, events } = this.#state;
    const bytes = reader.payload;
    this.#dataBytes += bytes.length;
    const padding = reader.isLastPiece ? reader.length - this.#dataBytes : 0;
    if (stream.isClosed) {
      receiveFlow.skipConnection(bytes.length + padding);
      return;
    }
    if (padding > 0) receiveFlow.skip(stream, padding);
    if (stream.isDiscarding) receiveFlow.skip(stream, bytes.length);
    else if (bytes.length > 0) {
      // Before the check: a stream that fails it gives back all that was delivered.
      receiveFlow.deliver(stream, bytes.length);
      countReceived(stream, bytes.length);
      events.push({ kind: "body", stream, bytes });
    }
    if (!reader.isLastPiece) return;
    if ((reader.flags & FLAG.END_STREAM) !== 0) this.#end(stream, null);
    else if (this.#dataBytes === 0) this.#state.guard.control("emptyData", this.#state.clock.now);
  }

  #beginData(reader: FrameReader): void {
    const { receiveFlow, streams } = this.#state;
    const { streamId, length } = reader;
    receiveFlow.chargeConnection(length);
    this.#dataBytes = 0;
    const stream = streams.get(streamId) ?? null;
    this.#dataStream = null;
    // Unless the stream takes it, the whole frame is given back here and its pieces pass unseen.
    if (stream === null) {
      receiveFlow.skipConnection(length);
      this.#checkStale(streamId);
      return;
    }
    try {
      this.#checkTakesData(stream);
      receiveFlow.chargeStream(stream, length);
    } catch (error) {
      receiveFlow.skipConnection(length);
      throw error;
    }
    this.#dataStream = stream;
  }

  #checkTakesData(stream: Http2Stream<Owner>): void {
    if (stream.isReceiveEnded) throw streamClosed("DATA behind the end", stream.id);
    if (!stream.hasReceivedHead) throw malformed("DATA before the head", stream.id);
  }

  /** A frame for a stream that is not open: nothing if we reset it, else an error (RFC 9113 §5.1). */
  #checkStale(streamId: number): void {
    const { streams, guard, clock } = this.#state;
    if (streams.isIdle(streamId)) throw protocolError("frame on an idle stream");
    if (!streams.wasReset(streamId)) throw streamClosed("frame on a closed stream", 0);
    guard.control("stale", clock.now);
  }

  /** True: the block opens a stream. False: it is to be ignored. */
  #isNewRequest(streamId: number): boolean {
    const { role, streams, lastTakenId } = this.#state;
    if (role === "client" || streamId % 2 === 0) {
      this.#checkStale(streamId);
      return false;
    }
    if (streamId <= streams.lastId) {
      if (!streams.wasOpen(streamId)) throw protocolError("stream ids out of order");
      this.#checkStale(streamId);
      return false;
    }
    streams.openedByPeer(streamId);
    if (streamId <= lastTakenId) return true;
    streams.refuse(streamId);
    this.#checkStale(streamId);
    return false;
  }

  #onRequestHead(block: FieldBlock, decoded: DecodedBlock): void {
    const { limits, streams, clock, events } = this.#state;
    const { streamId, isEnd } = block;
    if (streams.size >= limits.maxConcurrentStreams) throw refusedStream("too many streams", streamId);
    const headBytes = Math.min(decoded.decodedBytes, limits.maxHeadBytes);
    if (streams.openHeadBytes + headBytes > limits.maxOpenHeadBytes) {
      throw refusedStream("the heads of open streams are too large", streamId);
    }
    if (decoded.isTooLarge) {
      const stream = this.#openAnnounced(streamId, 0);
      stream.isDiscarding = true;
      if (isEnd) this.#end(stream, null);
      events.push({ kind: "stream_refused", stream, error: headTooLarge("server") });
      return;
    }
    const head = readRequestHead(decoded.flat, { streamId, isEnd });
    const stream = this.#openAnnounced(streamId, headBytes);
    stream.isHeadRequest = head.method === "HEAD";
    stream.expectedBytes = head.contentLength;
    stream.rateSinceMs = clock.now;
    events.push({ kind: "request", stream, head });
    if (isEnd) this.#end(stream, null);
  }

  #openAnnounced(streamId: number, headBytes: number): Http2Stream<Owner> {
    const stream = this.#state.open(streamId, headBytes);
    stream.hasReceivedHead = true;
    stream.isAnnounced = true;
    return stream;
  }

  #onAnswerHead(stream: Http2Stream<Owner>, received: { block: FieldBlock; decoded: DecodedBlock }): void {
    const { guard, clock, events } = this.#state;
    const { block, decoded } = received;
    if (decoded.isTooLarge) throw malformed("head too large", stream.id);
    const head = readAnswerHead(decoded.flat, block);
    if (head.status < 200) {
      guard.control("informational", clock.now);
      events.push({ kind: "informational", stream, head });
      return;
    }
    stream.hasReceivedHead = true;
    stream.expectedBytes = isBodyless(head.status, stream.isHeadRequest) ? 0 : head.contentLength;
    events.push({ kind: "answer", stream, head });
    if (block.isEnd) this.#end(stream, null);
  }

  #onTrailers(stream: Http2Stream<Owner>, received: { block: FieldBlock; decoded: DecodedBlock }): void {
    const { block, decoded } = received;
    if (stream.isReceiveEnded) throw streamClosed("HEADERS behind the end", stream.id);
    if (!block.isEnd) throw malformed("trailers without the end", stream.id);
    if (decoded.isTooLarge) throw malformed("trailers too large", stream.id);
    this.#end(stream, readTrailers(decoded.flat, stream.id));
  }

  /** The peer's message is complete. */
  #end(stream: Http2Stream<Owner>, trailers: Fields | null): void {
    if (!stream.isDiscarding) {
      checkReceivedWhole(stream);
      this.#state.events.push({ kind: "end", stream, trailers });
    }
    this.#state.receiveEnded(stream);
  }
}

function streamClosed(message: string, streamId: number): Http2Error {
  return new Http2Error(message, { errorCode: HTTP2_ERROR.STREAM_CLOSED, streamId });
}

function refusedStream(message: string, streamId: number): Http2Error {
  return new Http2Error(message, { errorCode: HTTP2_ERROR.REFUSED_STREAM, streamId });
}
