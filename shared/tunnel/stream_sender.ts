/**
 * One direction of one stream at its sender: order, offsets, credit, and what is held for want of credit or room.
 *
 * Data is cut into frames here, as credit and the log's room allow; heads and trailers go whole or wait.
 */
import { assert } from "../assert/assert.ts";
import { MAX_STREAM_FRAME_OVERHEAD, STREAM_DATA, type StreamFrameType } from "./frame_type.ts";
import { SendHold } from "./send_hold.ts";
import type { SendLog } from "./send_log.ts";
import { writeStreamFrame } from "./stream_frame.ts";
import { nextDirectionState, type StreamDirection, type StreamDirectionState } from "./stream_order.ts";

/** Longest data of one frame that is sent: what a token frame may have to wait for behind bulk. */
const SENT_DATA_BYTES = 16 * 1024;
/** A data frame is cut shorter to fill the rest of a slab only when so many bytes of it fit. */
const SMALLEST_CUT_BYTES = 1024;

export interface SenderOptions {
  streamId: number;
  direction: StreamDirection;
  windowUnits: number;
}

export class StreamSender {
  readonly #streamId: number;
  readonly #direction: StreamDirection;
  #state: StreamDirectionState = "start";
  #offset = 0;
  #limit: number;
  #hold: SendHold | null = null;

  constructor(options: SenderOptions) {
    this.#streamId = options.streamId;
    this.#direction = options.direction;
    this.#limit = options.windowUnits;
  }

  /** True once STREAM_END is in the log. */
  get isFinished(): boolean {
    return this.#state === "ended" && this.#hold === null;
  }

  get hasHeld(): boolean {
    return this.#hold !== null;
  }

  get heldBytes(): number {
    return this.#hold?.heldBytes ?? 0;
  }

  get heldDataBytes(): number {
    return this.#hold?.heldDataBytes ?? 0;
  }

  /** Units that may still be sent. */
  get creditUnits(): number {
    return this.#limit - this.#offset;
  }

  /** True when something is held and credit lets at least one frame of it go. */
  get isReady(): boolean {
    const hold = this.#hold;
    if (hold === null) return false;
    return this.creditUnits >= (hold.firstType === STREAM_DATA ? 2 : hold.firstBytes + 1);
  }

  /**
   * Sends a piece: into `log` as far as credit and `budgetBytes` allow, the rest into the hold. Returns the bytes that went
   * into the log. Asserts the order of frames.
   */
  send(piece: { type: StreamFrameType; bytes: Uint8Array; budgetBytes: number }, log: SendLog): number {
    const { type, bytes } = piece;
    const state = nextDirectionState(this.#state, { type, direction: this.#direction });
    assert(state !== null, "stream sends out of order");
    this.#state = state;
    let sent = 0;
    if (this.#hold === null && piece.budgetBytes > 0) {
      if (type !== STREAM_DATA) {
        if (this.creditUnits > bytes.length) return this.#write(log, { type, bytes });
      } else {
        while (sent < bytes.length && sent < piece.budgetBytes) {
          const length = this.#dataLength(bytes.length - sent, log.roomBytes);
          if (length <= 0) break;
          this.#write(log, {
            type,
            bytes: length === bytes.length ? bytes : bytes.subarray(sent, sent + length),
          });
          sent += length;
        }
        if (sent === bytes.length) return sent;
      }
    }
    this.#hold ??= new SendHold();
    this.#hold.add(type, sent === 0 ? bytes : bytes.subarray(sent));
    return sent;
  }

  /** Moves one held frame into the log; only when {@linkcode isReady}. Returns how many bytes of data it carries. */
  moveFrame(log: SendLog): number {
    const hold = this.#hold;
    const type = hold?.firstType ?? null;
    if (hold === null || type === null) return 0;
    const length = type === STREAM_DATA ? this.#dataLength(hold.firstBytes, log.roomBytes) : hold.firstBytes;
    this.#write(log, { type, bytes: hold.peekFirst(length) });
    hold.removeFirst(length);
    if (hold.isEmpty) this.#hold = null;
    return type === STREAM_DATA ? length : 0;
  }

  /** Takes a CREDIT; older ones are no-ops. */
  raiseLimit(limit: number): void {
    if (limit > this.#limit) this.#limit = limit;
  }

  /** Drops what is held, wiped; returns its bytes. */
  clear(): number {
    const freed = this.heldBytes;
    this.#hold?.clear();
    this.#hold = null;
    return freed;
  }

  #dataLength(wanted: number, roomBytes: number): number {
    const length = Math.min(wanted, SENT_DATA_BYTES, this.creditUnits - 1);
    const room = roomBytes - MAX_STREAM_FRAME_OVERHEAD;
    return length > room && room >= SMALLEST_CUT_BYTES ? room : length;
  }

  #write(log: SendLog, frame: { type: StreamFrameType; bytes: Uint8Array }): number {
    const { type, bytes } = frame;
    const writer = log.begin(MAX_STREAM_FRAME_OVERHEAD + bytes.length);
    writeStreamFrame(writer, { type, streamId: this.#streamId, offset: this.#offset, bytes });
    log.commit();
    this.#offset += bytes.length + 1;
    return bytes.length;
  }
}
