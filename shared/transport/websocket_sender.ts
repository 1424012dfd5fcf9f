import { giveSlab, LARGEST_SLAB_BYTES, takeSlab } from "../buffers/slab_pool.ts";
import { MAX_FRAME_HEADER_BYTES, writeFrame } from "../websocket/frame_writer.ts";
import { OPCODE, type Opcode } from "../websocket/opcode.ts";
import type { ByteConnection } from "./byte_connection.ts";
import { MaskKeys } from "./mask_keys.ts";
import { writeWhole } from "./write_whole.ts";

/** Larger messages are refused. */
export const MAX_SENT_MESSAGE_BYTES = LARGEST_SLAB_BYTES - MAX_FRAME_HEADER_BYTES;

/**
 * Sends whole messages, each in one write, one after the other, whoever asks; nothing behind a close frame. Answers to
 * pings cannot pile up: of those that wait for the socket only the latest is sent (RFC 6455 §5.5.3).
 */
export class WebSocketSender {
  readonly #connection: ByteConnection;
  readonly #maskKeys: MaskKeys | null;
  /** Settles when all that was asked for is written; never rejects. */
  #turn: Promise<void> = Promise.resolve();
  #waitingPong: Uint8Array | null = null;
  #isClosing = false;

  /** Frames are masked for a client. */
  constructor(connection: ByteConnection, { role }: { readonly role: "client" | "server" }) {
    this.#connection = connection;
    this.#maskKeys = role === "client" ? new MaskKeys() : null;
  }

  /** Resolves when the socket took the message; rejects behind a close frame. */
  message(bytes: Uint8Array): Promise<void> {
    if (this.#isClosing) return Promise.reject(new Error("the sending direction is closed"));
    return this.#inTurn(() => this.#send(OPCODE.binary, bytes));
  }

  /** Fails silently: the connection shows its end to those who read and write. */
  pong(payload: Uint8Array): void {
    const isQueued = this.#waitingPong !== null;
    this.#waitingPong = payload;
    if (isQueued || this.#isClosing) return;
    this.#inTurn(() => {
      const latest = this.#waitingPong ?? payload;
      this.#waitingPong = null;
      return this.#send(OPCODE.pong, latest);
    }).catch(ignoreRepeatedFailure);
  }

  /** The last frame; asked for again it sends nothing. */
  close(payload: Uint8Array): Promise<void> {
    if (this.#isClosing) return this.#turn;
    this.#isClosing = true;
    return this.#inTurn(() => this.#send(OPCODE.close, payload));
  }

  #inTurn(send: () => Promise<void>): Promise<void> {
    const sent = this.#turn.then(send);
    this.#turn = sent.catch(ignoreRepeatedFailure);
    return sent;
  }

  async #send(opcode: Opcode, payload: Uint8Array): Promise<void> {
    const slab = takeSlab(payload.length + MAX_FRAME_HEADER_BYTES);
    const maskKey = this.#maskKeys?.next() ?? null;
    const length = writeFrame(slab, { opcode, isFinal: true, maskKey, payload });
    try {
      await writeWhole(this.#connection, slab.subarray(0, length));
    } finally {
      slab.fill(0, 0, length);
      giveSlab(slab);
    }
  }
}

/** The connection is gone: the call that reads, or the next that writes, says so. */
function ignoreRepeatedFailure(): void {}
