/** Frames that are not DATA: control frames act on the connection's state, field blocks go to the message handler. */
import type { ConnectionState } from "./connection_state.ts";
import { FieldBlockAssembly } from "./field_block.ts";
import { FRAME_TYPE } from "./frame.ts";
import type { FrameReader } from "./frame_reader.ts";
import { parseGoawayFrame } from "./goaway_frame.ts";
import { parseHeadersFrame } from "./headers_frame.ts";
import { HTTP2_ERROR, protocolError } from "./http2_error.ts";
import { connectionLost, resetByPeer } from "./http2_failure.ts";
import type { MessageHandler } from "./message_handler.ts";
import { checkPingFrame } from "./ping_frame.ts";
import { checkPriorityFrame } from "./priority_frame.ts";
import { parseRstStreamFrame } from "./rst_stream_frame.ts";
import { parseSettingsFrame, SETTING } from "./settings_frame.ts";
import { parseWindowUpdateFrame } from "./window_update_frame.ts";

export class FrameHandler<Owner> {
  readonly #state: ConnectionState<Owner>;
  readonly #messages: MessageHandler<Owner>;
  readonly #block: FieldBlockAssembly;
  readonly #onPingAck: () => void;
  #hasSettings = false;

  /** @param options `onPingAck`: an acknowledgement of one of our PINGs came */
  constructor(
    state: ConnectionState<Owner>,
    options: { messages: MessageHandler<Owner>; onPingAck: () => void },
  ) {
    this.#state = state;
    this.#messages = options.messages;
    this.#onPingAck = options.onPingAck;
    this.#block = new FieldBlockAssembly(state.limits);
  }

  get isWithinFieldBlock(): boolean {
    return this.#block.isOpen;
  }

  /** @throws {Http2Error} */
  onFrame(reader: FrameReader): void {
    const { type } = reader;
    if (!this.#hasSettings && (type !== FRAME_TYPE.SETTINGS || (reader.flags & 1) !== 0)) {
      throw protocolError("first frame is not SETTINGS");
    }
    if (this.#block.isOpen && type !== FRAME_TYPE.CONTINUATION) {
      throw protocolError("frame within a field block");
    }
    switch (type) {
      case FRAME_TYPE.DATA:
        return this.#messages.onData(reader);
      case FRAME_TYPE.HEADERS:
      case FRAME_TYPE.CONTINUATION:
        return this.#onFieldBlock(reader);
      case FRAME_TYPE.PRIORITY:
        checkPriorityFrame(reader.payload, reader.streamId);
        return this.#state.guard.control("priority", this.#state.clock.now);
      case FRAME_TYPE.RST_STREAM:
        return this.#onRstStream(reader);
      case FRAME_TYPE.SETTINGS:
        return this.#onSettings(reader);
      case FRAME_TYPE.PUSH_PROMISE:
        // A server gets none (RFC 9113 §8.4); as a client we have switched it off.
        throw protocolError("PUSH_PROMISE");
      case FRAME_TYPE.PING:
        return this.#onPing(reader);
      case FRAME_TYPE.GOAWAY:
        return this.#onGoaway(reader);
      case FRAME_TYPE.WINDOW_UPDATE:
        return this.#onWindowUpdate(reader);
      default:
        // Unknown types are ignored (RFC 9113 §4.1).
        return this.#state.guard.control("unknown", this.#state.clock.now);
    }
  }

  #onFieldBlock(reader: FrameReader): void {
    const block = reader.type === FRAME_TYPE.HEADERS
      ? this.#block.begin(parseHeadersFrame(reader.payload, reader), reader)
      : this.#block.continue(reader.payload, reader);
    if (block === null) return;
    this.#state.clock.blockEnded();
    this.#messages.onBlock(block);
  }

  #onRstStream(reader: FrameReader): void {
    const { streams, guard, clock, role } = this.#state;
    const errorCode = parseRstStreamFrame(reader.payload, reader.streamId);
    if (streams.isIdle(reader.streamId)) throw protocolError("RST_STREAM on an idle stream");
    const stream = streams.get(reader.streamId);
    if (stream === undefined) return guard.control("stale", clock.now);
    guard.reset(clock.now);
    // A server that has answered may tell a client to stop sending (RFC 9113 §8.1).
    const isAnswered = role === "client" && stream.isReceiveEnded && errorCode === HTTP2_ERROR.NO_ERROR;
    this.#state.closeAndTell(stream, {
      how: "ended",
      error: isAnswered ? null : resetByPeer(role, errorCode),
    });
  }

  #onSettings(reader: FrameReader): void {
    const state = this.#state;
    const settings = parseSettingsFrame(reader.payload, reader);
    state.guard.control("settings", state.clock.now);
    if (settings === null) return;
    if (!this.#hasSettings) {
      this.#hasSettings = true;
      state.clock.prefaceArrived();
    }
    for (const [id, value] of settings) {
      if (id === SETTING.HEADER_TABLE_SIZE) state.encoder.setPeerTableBytes(value);
      else if (id === SETTING.INITIAL_WINDOW_SIZE) {
        state.sendFlow.setInitialWindow(value, state.streams.values());
      } else if (id === SETTING.MAX_CONCURRENT_STREAMS) state.peerMaxStreams = value;
      else if (id === SETTING.ENABLE_PUSH && value === 1 && state.role === "client") {
        throw protocolError("a server offers to be pushed to");
      }
    }
    state.control.settingsAck();
    state.events.push({ kind: "settings", maxConcurrentStreams: state.peerMaxStreams });
  }

  #onPing(reader: FrameReader): void {
    const isAck = checkPingFrame(reader.payload, reader);
    this.#state.guard.control("ping", this.#state.clock.now);
    if (isAck) this.#onPingAck();
    else this.#state.control.ping(reader.payload, true);
  }

  #onGoaway(reader: FrameReader): void {
    const { streams, events, role } = this.#state;
    const goaway = parseGoawayFrame(reader.payload, reader.streamId);
    this.#state.guard.control("settings", this.#state.clock.now);
    this.#state.hasPeerGoaway = true;
    events.push({ kind: "goaway", errorCode: goaway.errorCode });
    if (role === "server") return;
    for (const stream of streams.values()) {
      if (stream.id <= goaway.lastStreamId) continue;
      this.#state.closeAndTell(stream, { how: "ended", error: connectionLost(role, true) });
    }
  }

  #onWindowUpdate(reader: FrameReader): void {
    const { streams, guard, clock, sendFlow } = this.#state;
    const { streamId } = reader;
    if (streamId !== 0 && streams.isIdle(streamId)) throw protocolError("WINDOW_UPDATE on an idle stream");
    const stream = streamId === 0 ? null : streams.get(streamId);
    guard.control("windowUpdate", clock.now);
    const increment = parseWindowUpdateFrame(reader.payload, stream === undefined ? 0 : streamId);
    // One for a stream that is closed was under way (RFC 9113 §5.1).
    if (stream !== undefined) sendFlow.grow(stream, increment);
  }
}
