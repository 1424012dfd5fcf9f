/**
 * Reads the frames of one direction of a WebSocket (RFC 6455 §5): bytes in, events out.
 *
 * Invariant: nothing of a data frame is held, so memory does not depend on lengths that the peer announces; the mask
 * is taken off in the caller's own bytes. Held are at most a header and a control frame. A violation shows with the header
 * that is wrong, before its payload, or with the first byte that no text may have there.
 */
import { assert } from "../assert/assert.ts";
import { CLOSE_CODE, type CloseStatus, parseClosePayload } from "./close_payload.ts";
import { type FrameHeader, FrameHeaderReader } from "./frame_header_reader.ts";
import { applyMask } from "./mask.ts";
import { isControl, MAX_CONTROL_BYTES, OPCODE } from "./opcode.ts";
import { Utf8Validator } from "./utf8_validator.ts";
import { WebSocketViolation } from "./websocket_violation.ts";

export type MessageType = "text" | "binary";

export type WebSocketEvent =
  /**
   * A piece of a message, empty only where it ends the message; `bytes` are lent until {@linkcode FrameReader.receive}
   * is called again. A text's pieces may part a character.
   */
  | {
    readonly kind: "data";
    readonly type: MessageType;
    readonly bytes: Uint8Array;
    readonly endsMessage: boolean;
  }
  /** `payload` is the caller's own. */
  | { readonly kind: "ping" | "pong"; readonly payload: Uint8Array }
  /** The last event: what comes behind it is dropped (RFC 6455 §5.5.1). */
  | ({ readonly kind: "close" } & CloseStatus);

export interface FrameReaderOptions {
  /** Which end reads: a server takes only masked frames, a client only unmasked ones. */
  readonly role: "client" | "server";
  /** Of one message over all its frames. */
  readonly maxMessageBytes: number;
}

interface Message {
  /** Null for a binary message. */
  readonly validator: Utf8Validator | null;
  /** Announced by its frames so far. */
  bytes: number;
}

const NOTHING: Uint8Array = new Uint8Array(0);

export class FrameReader {
  readonly #maxMessageBytes: number;
  readonly #headers: FrameHeaderReader;
  readonly #control = new Uint8Array(MAX_CONTROL_BYTES);
  #piece = NOTHING;
  #at = 0;
  /** Of the frame under way; null between frames. */
  #frame: FrameHeader | null = null;
  /** Bytes that have come of its payload. */
  #received = 0;
  /** Under way, perhaps between two of its frames. */
  #message: Message | null = null;
  #end: "open" | "closed" | WebSocketViolation = "open";

  constructor({ role, maxMessageBytes }: FrameReaderOptions) {
    this.#maxMessageBytes = maxMessageBytes;
    this.#headers = new FrameHeaderReader({ isMasked: role === "server" });
  }

  /** Takes the next bytes, once {@linkcode nextEvent} has given null; payloads are unmasked in place. */
  receive(bytes: Uint8Array): void {
    this.#piece = bytes;
    this.#at = 0;
  }

  /**
   * The next event, or null when more bytes are needed.
   * @throws {WebSocketViolation} and the same at every later call
   */
  nextEvent(): WebSocketEvent | null {
    if (this.#end instanceof WebSocketViolation) throw this.#end;
    try {
      return this.#end === "open" ? this.#read() : null;
    } catch (error) {
      if (error instanceof WebSocketViolation) this.#end = error;
      throw error;
    }
  }

  #read(): WebSocketEvent | null {
    for (;;) {
      const frame = this.#frame ??= this.#readHeader();
      if (frame === null) return null;
      const wanted = frame.length - this.#received;
      const bytes = this.#piece.subarray(this.#at, this.#at + wanted);
      if (bytes.length === 0 && wanted > 0) return null;
      if (frame.maskKey !== null) applyMask(bytes, frame.maskKey, this.#received);
      this.#at += bytes.length;
      const isWhole = bytes.length === wanted;
      if (isWhole) this.#frame = null;
      const event = isControl(frame.opcode)
        ? this.#readControl(frame, bytes)
        : this.#readData(bytes, isWhole && frame.isFinal);
      this.#received = isWhole ? 0 : this.#received + bytes.length;
      if (event !== null) return event;
    }
  }

  #readHeader(): FrameHeader | null {
    for (let byte = this.#piece[this.#at]; byte !== undefined; byte = this.#piece[this.#at]) {
      this.#at++;
      const header = this.#headers.push(byte);
      if (header === null) continue;
      if (!isControl(header.opcode)) this.#beginData(header);
      return header;
    }
    return null;
  }

  #beginData({ opcode, length }: FrameHeader): void {
    if ((opcode === OPCODE.continuation) !== (this.#message !== null)) {
      const wrong = opcode === OPCODE.continuation ? "continuation of nothing" : "message within a message";
      throw new WebSocketViolation(CLOSE_CODE.protocolError, wrong);
    }
    this.#message ??= { validator: opcode === OPCODE.text ? new Utf8Validator() : null, bytes: 0 };
    this.#message.bytes += length;
    if (this.#message.bytes > this.#maxMessageBytes) {
      throw new WebSocketViolation(CLOSE_CODE.tooLarge, "message above the limit");
    }
  }

  #readData(bytes: Uint8Array, endsMessage: boolean): WebSocketEvent | null {
    assert(this.#message !== null, "data outside a message");
    const { validator } = this.#message;
    if (validator !== null && !(validator.push(bytes) && (validator.isWhole || !endsMessage))) {
      throw new WebSocketViolation(CLOSE_CODE.invalidText, "text that is no UTF-8");
    }
    if (endsMessage) this.#message = null;
    if (bytes.length === 0 && !endsMessage) return null;
    return { kind: "data", type: validator === null ? "binary" : "text", bytes, endsMessage };
  }

  #readControl({ opcode, length }: FrameHeader, bytes: Uint8Array): WebSocketEvent | null {
    this.#control.set(bytes, this.#received);
    if (this.#received + bytes.length < length) return null;
    const payload = this.#control.slice(0, length);
    if (opcode !== OPCODE.close) return { kind: opcode === OPCODE.ping ? "ping" : "pong", payload };
    const status = parseClosePayload(payload);
    this.#end = "closed";
    return { kind: "close", ...status };
  }
}
