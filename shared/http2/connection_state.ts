import type { RelayError } from "../errors/relay_error.ts";
import { EXCHANGE_WINDOW_BYTES } from "../exchange/exchange.ts";
import type { Fields } from "../exchange/fields.ts";
import { ConnectionClock } from "./connection_clock.ts";
import { ControlWriter } from "./control_writer.ts";
import { FloodGuard } from "./flood_guard.ts";
import { MAX_STREAM_ID } from "./frame.ts";
import { writeHeadersFrames } from "./headers_frame.ts";
import { HpackEncoder } from "./hpack_encoder.ts";
import { HTTP2_ERROR } from "./http2_error.ts";
import type { Http2Event } from "./http2_event.ts";
import type { Http2Role } from "./http2_failure.ts";
import type { Http2Limits } from "./http2_limits.ts";
import { Http2Output } from "./http2_output.ts";
import { Http2Stream } from "./http2_stream.ts";
import { ReceiveFlow } from "./receive_flow.ts";
import { SendFlow, type SendHooks } from "./send_flow.ts";
import { StreamTable } from "./stream_table.ts";

export interface Http2ConnectionOptions {
  role: Http2Role;
  limits: Http2Limits;
  /** Bytes wait to be sent and none leaves: the stream, or with an unwritten chunk the connection, is given up. */
  stallTimeoutMs: number;
  /** Current time in ms. */
  now: number;
}

/** What the parts of one connection share, and the steps that touch several of them: opening and closing streams. */
export class ConnectionState<Owner> implements SendHooks<Owner> {
  readonly role: Http2Role;
  readonly limits: Http2Limits;
  readonly clock: ConnectionClock;
  readonly guard: FloodGuard;
  readonly output = new Http2Output();
  readonly control: ControlWriter;
  readonly encoder = new HpackEncoder();
  readonly streams: StreamTable<Owner>;
  readonly receiveFlow: ReceiveFlow<Owner>;
  readonly sendFlow: SendFlow<Owner>;
  /** Told by `nextEvent()` before more input is read. */
  readonly events: Http2Event<Owner>[] = [];
  /** Streams above it, opened by the peer, are ignored: what our last GOAWAY promised. */
  lastTakenId = MAX_STREAM_ID;
  hasPeerGoaway = false;
  /** The peer's limit for streams that we open; as RFC 9113 §6.5.2 advises before it says one. */
  peerMaxStreams = 100;
  #openRequestCount = 0;

  constructor(options: Http2ConnectionOptions) {
    const { role, limits, now } = options;
    this.role = role;
    this.limits = limits;
    this.clock = new ConnectionClock(limits, { hasIdleTimeout: role === "server", now });
    this.guard = new FloodGuard(limits, now);
    this.control = new ControlWriter(this.output);
    this.streams = new StreamTable(role);
    this.receiveFlow = new ReceiveFlow(this.output, {
      connectionBytes: limits.connectionWindowBytes,
      streamBytes: EXCHANGE_WINDOW_BYTES,
    });
    this.sendFlow = new SendFlow(this.output, this);
  }

  /** Requests that have begun to arrive and are not complete. */
  get openRequestCount(): number {
    return this.#openRequestCount;
  }

  /** A new stream in state open, in the table. */
  open(streamId: number, headBytes: number): Http2Stream<Owner> {
    const stream = new Http2Stream<Owner>(streamId, {
      receive: EXCHANGE_WINDOW_BYTES,
      send: this.sendFlow.initialStreamWindow,
    });
    stream.headBytes = headBytes;
    this.streams.add(stream);
    if (this.role === "server") this.#openRequestCount++;
    this.clock.becameBusy();
    return stream;
  }

  /** The peer's message on this stream is complete. */
  receiveEnded(stream: Http2Stream<Owner>): void {
    stream.isReceiveEnded = true;
    if (this.role === "server") this.#openRequestCount--;
    if (stream.sendState === "ended") this.closeAndTell(stream, { how: "ended", error: null });
  }

  /** Frees what the stream holds; `reset`: frames of the peer may still be under way. */
  close(stream: Http2Stream<Owner>, how: "ended" | "reset"): void {
    if (stream.isClosed) return;
    stream.isClosed = true;
    if (this.role === "server" && !stream.isReceiveEnded) this.#openRequestCount--;
    this.streams.remove(stream, how);
    this.sendFlow.close(stream);
    this.receiveFlow.close(stream);
    if (this.streams.size === 0) this.clock.becameIdle();
  }

  /** Closes the stream and tells the driver, if it knows of the stream. */
  closeAndTell(stream: Http2Stream<Owner>, end: { how: "ended" | "reset"; error: RelayError | null }): void {
    if (stream.isClosed) return;
    this.close(stream, end.how);
    if (stream.isAnnounced) this.events.push({ kind: "closed", stream, error: end.error });
  }

  /** Sends RST_STREAM, closes and tells. */
  resetAndTell(stream: Http2Stream<Owner>, reset: { errorCode: number; error: RelayError | null }): void {
    if (stream.isClosed) return;
    this.control.rstStream(stream.id, reset.errorCode);
    this.closeAndTell(stream, { how: "reset", error: reset.error });
  }

  /** Encodes and appends a head or trailer section. */
  writeSection(
    stream: Http2Stream<Owner>,
    section: { pseudo: readonly string[]; fields: Fields | null; isEnd: boolean },
  ): void {
    const block = this.encoder.encode(section.pseudo, section.fields);
    writeHeadersFrames(this.output, { streamId: stream.id, block, isEnd: section.isEnd });
    this.encoder.release();
  }

  writeTrailers(stream: Http2Stream<Owner>, trailers: Fields): void {
    this.writeSection(stream, { pseudo: [], fields: trailers, isEnd: true });
  }

  dataFramed(): void {
    this.guard.dataSent();
  }

  /**
   * Our message is complete. A server whose answer ends first asks the client to stop (RFC 9113 §8.1); a client goes
   * on reading.
   */
  sendEnded(stream: Http2Stream<Owner>): void {
    if (stream.isReceiveEnded) this.closeAndTell(stream, { how: "ended", error: null });
    else if (this.role === "server") {
      this.resetAndTell(stream, { errorCode: HTTP2_ERROR.NO_ERROR, error: null });
    }
  }
}
