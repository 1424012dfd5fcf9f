/**
 * A lane in a WebSocket (RFC 6455): binary messages are chunks of the byte pipe, their borders mean nothing.
 *
 * A close frame ends one direction only, as the end of a stream does: the other goes on until its own. TLS is not ended
 * before the connection is, since a reverse proxy takes that for the end of both. A peer that leaves without a close
 * frame may have been cut off: reading rejects. Through a reverse proxy, TLS proves the proxy, not the listener, and the
 * proxy reads all of it: it belongs to those who run the listener.
 */
import { formatAddress } from "../config/address.ts";
import { CLOSE_CODE, encodeClosePayload } from "../websocket/close_payload.ts";
import { FrameReader } from "../websocket/frame_reader.ts";
import { WebSocketViolation } from "../websocket/websocket_violation.ts";
import type { LaneConnection } from "./lane_connection.ts";
import { MAX_SENT_MESSAGE_BYTES, WebSocketSender } from "./websocket_sender.ts";

/** Of the opening handshake; `GET` over HTTP/1.1. */
export const LANE_PATH = "/lowu/lane";
export const LANE_SUBPROTOCOL = "lowu.1";
/** Offered to the peer; a reverse proxy may choose none. */
export const WEBSOCKET_ALPN = "http/1.1";

/** Nothing of a message is held, so its length costs nothing; a proxy may join messages. */
const MAX_RECEIVED_MESSAGE_BYTES = Number.MAX_SAFE_INTEGER;

export interface OpenedWebSocket {
  /** TLS, and the opening handshake, are done. */
  readonly connection: Deno.TlsConn;
  readonly role: "client" | "server";
  /** What came in one read with the opening handshake, behind it; the lane's own. */
  readonly ahead: Uint8Array;
}

export class WebSocketLane implements LaneConnection {
  readonly transport = "websocket";
  readonly datagrams = null;
  readonly localAddress: string;
  readonly remoteAddress: string;
  readonly #connection: Deno.TlsConn;
  readonly #reader: FrameReader;
  readonly #sender: WebSocketSender;
  #ahead: Uint8Array;
  #isEnded = false;
  #violation: WebSocketViolation | null = null;

  constructor({ connection, role, ahead }: OpenedWebSocket) {
    this.#connection = connection;
    this.localAddress = formatAddress(connection.localAddr);
    this.remoteAddress = formatAddress(connection.remoteAddr);
    this.#reader = new FrameReader({ role, maxMessageBytes: MAX_RECEIVED_MESSAGE_BYTES });
    this.#sender = new WebSocketSender(connection, { role });
    this.#ahead = ahead;
  }

  async read(buffer: Uint8Array): Promise<number | null> {
    while (!this.#isEnded) {
      if (this.#violation !== null) throw this.#violation;
      const received = this.#ahead.length > 0 ? this.#takeAhead(buffer) : await this.#connection.read(buffer);
      if (received === null) throw new Deno.errors.UnexpectedEof("the peer left without a close frame");
      const length = this.#unwrap(buffer, received);
      if (length > 0) return length;
    }
    return null;
  }

  async write(bytes: Uint8Array): Promise<number> {
    const taken = bytes.subarray(0, MAX_SENT_MESSAGE_BYTES);
    if (taken.length > 0) await this.#sender.message(taken);
    return taken.length;
  }

  closeWrite(): Promise<void> {
    return this.#sender.close(encodeClosePayload({ code: CLOSE_CODE.normal, reason: "" }));
  }

  close(): void {
    this.#connection.close();
  }

  #takeAhead(buffer: Uint8Array): number {
    const taken = this.#ahead.subarray(0, buffer.length);
    buffer.set(taken);
    this.#ahead = this.#ahead.subarray(taken.length);
    return taken.length;
  }

  /** Moves what the messages in `received` bytes hold to the front of `buffer`; returns its length. */
  #unwrap(buffer: Uint8Array, received: number): number {
    let length = 0;
    try {
      this.#reader.receive(buffer.subarray(0, received));
      for (let event = this.#reader.nextEvent(); event !== null; event = this.#reader.nextEvent()) {
        if (event.kind === "close") this.#isEnded = true;
        else if (event.kind === "ping") this.#sender.pong(event.payload);
        else if (event.kind === "data") {
          if (event.type === "text") {
            throw new WebSocketViolation(CLOSE_CODE.unsupportedType, "text in a lane");
          }
          buffer.set(event.bytes, length);
          length += event.bytes.length;
        }
      }
    } catch (error) {
      if (error instanceof WebSocketViolation) this.#refuse(error);
      throw error;
    }
    buffer.fill(0, length, received);
    return length;
  }

  /** RFC 6455 §7.1.7; the owner closes a lane whose read fails, which may come first. */
  #refuse(violation: WebSocketViolation): void {
    this.#violation = violation;
    const payload = encodeClosePayload({ code: violation.closeCode, reason: "" });
    this.#sender.close(payload).catch(ignoreRepeatedFailure);
  }
}

/** The violation itself is what the owner learns. */
function ignoreRepeatedFailure(): void {}
