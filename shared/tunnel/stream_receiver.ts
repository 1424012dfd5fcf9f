/**
 * One direction of one stream at its receiver: offsets, order, credit.
 *
 * Invariant: frames are delivered once each, in order of offset. A frame below the expected offset was delivered before
 * (another lane sent it again) and is dropped; one above waits in the reorder store, which the stream's credit bounds.
 */
import { STREAM_DATA } from "./frame_type.ts";
import { ProtocolViolation } from "./protocol_violation.ts";
import { ReceiveWindow } from "./receive_window.ts";
import { ReorderStore, type StoredFrame, storedFrameCost } from "./reorder_store.ts";
import { nextDirectionState, type StreamDirection, type StreamDirectionState } from "./stream_order.ts";
import type { StreamFrame } from "./stream_frame.ts";

export class StreamReceiver {
  readonly #direction: StreamDirection;
  readonly #window: ReceiveWindow;
  #state: StreamDirectionState = "start";
  #expectedOffset = 0;
  #store: ReorderStore | null = null;
  /** Data bytes delivered to the user and not yet reported as consumed. */
  #unconsumedBytes = 0;

  constructor(options: { direction: StreamDirection; windowUnits: number }) {
    this.#direction = options.direction;
    this.#window = new ReceiveWindow(options.windowUnits);
  }

  get isEnded(): boolean {
    return this.#state === "ended";
  }

  get unconsumedBytes(): number {
    return this.#unconsumedBytes;
  }

  get creditLimit(): number {
    return this.#window.limit;
  }

  /** What is to be done with a frame. @throws {ProtocolViolation} `credit`, `stream_order` */
  judge(frame: StreamFrame): "deliver" | "store" | "duplicate" {
    if (frame.offset < this.#expectedOffset) return "duplicate";
    if (frame.offset + frame.bytes.length + 1 > this.#window.limit) {
      throw new ProtocolViolation("credit", `stream ${frame.streamId} beyond its credit`);
    }
    if (this.#state === "ended") throw new ProtocolViolation("stream_order", "frame after STREAM_END");
    return frame.offset === this.#expectedOffset ? "deliver" : "store";
  }

  /**
   * Counts a frame that the user gets now; returns a new credit limit to advertise, or null.
   * @throws {ProtocolViolation} `stream_order`
   */
  deliver(frame: StoredFrame): number | null {
    const state = nextDirectionState(this.#state, { type: frame.type, direction: this.#direction });
    if (state === null) {
      throw new ProtocolViolation(
        "stream_order",
        `frame 0x${frame.type.toString(16)} in state ${this.#state}`,
      );
    }
    this.#state = state;
    const length = frame.bytes.length;
    this.#expectedOffset += length + 1;
    if (frame.type === STREAM_DATA) {
      this.#unconsumedBytes += length;
      return this.#consume(1);
    }
    return this.#consume(length + 1);
  }

  /** Keeps a copy of a frame that is ahead; returns what it costs, 0 for a duplicate. @throws {ProtocolViolation} */
  store(frame: StoredFrame): number {
    this.#store ??= new ReorderStore();
    return this.#store.add(frame) ? storedFrameCost(frame) : 0;
  }

  /** False when a frame that is ahead finds no place. */
  get hasStoreRoom(): boolean {
    return this.#store === null || !this.#store.isFull;
  }

  /** The stored frame that is due now, or null. @throws {ProtocolViolation} `offset`, `stream_order` */
  takeStored(): StoredFrame | null {
    if (this.#store === null) return null;
    if (this.#state === "ended") throw new ProtocolViolation("stream_order", "frame after STREAM_END");
    const frame = this.#store.take(this.#expectedOffset);
    if (this.#store.frameCount === 0) this.#store = null;
    return frame;
  }

  /** The user let go of data bytes; returns a new credit limit to advertise, or null. */
  consume(bytes: number): number | null {
    this.#unconsumedBytes -= bytes;
    return this.#consume(bytes);
  }

  /** Drops what is stored; returns the cost freed. */
  clear(): number {
    const freed = this.#store?.clear() ?? 0;
    this.#store = null;
    return freed;
  }

  #consume(units: number): number | null {
    const limit = this.#window.consume(units);
    return this.#state === "ended" ? null : limit;
  }
}
