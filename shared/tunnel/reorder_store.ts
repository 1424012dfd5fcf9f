/** Frames of one direction of one stream that came before their predecessors, by offset. */
import type { StreamFrameType } from "./frame_type.ts";
import { ProtocolViolation } from "./protocol_violation.ts";

/** What an entry costs beside its bytes; keeps a flood of empty frames inside the bound. */
const ENTRY_COST_BYTES = 64;
/** Entries of one stream; insertion is linear in them. */
const MAX_ENTRIES = 4096;

export interface StoredFrame {
  readonly type: StreamFrameType;
  readonly offset: number;
  /** The store's own copy. */
  readonly bytes: Uint8Array;
}

export function storedFrameCost(frame: { bytes: Uint8Array }): number {
  return frame.bytes.length + ENTRY_COST_BYTES;
}

export class ReorderStore {
  /** Ascending by offset. */
  #frames: StoredFrame[] = [];

  get isFull(): boolean {
    return this.#frames.length >= MAX_ENTRIES;
  }

  get frameCount(): number {
    return this.#frames.length;
  }

  /** Copies the frame in; false when one of the same offset is there. @throws {ProtocolViolation} `reorder_overflow` */
  add(frame: StoredFrame): boolean {
    const frames = this.#frames;
    let index = frames.length;
    while (index > 0 && (frames[index - 1]?.offset ?? 0) > frame.offset) index--;
    if (frames[index - 1]?.offset === frame.offset) return false;
    if (this.isFull) {
      throw new ProtocolViolation("reorder_overflow", "too many frames ahead");
    }
    frames.splice(index, 0, { type: frame.type, offset: frame.offset, bytes: frame.bytes.slice() });
    return true;
  }

  /** Removes the frame at `offset`, if it is there. @throws {ProtocolViolation} `offset`: a frame overlaps it */
  take(offset: number): StoredFrame | null {
    const first = this.#frames[0];
    if (first === undefined || first.offset > offset) return null;
    if (first.offset < offset) throw new ProtocolViolation("offset", "frames overlap");
    this.#frames.shift();
    return first;
  }

  /** Drops everything, wiped; returns the cost freed. */
  clear(): number {
    let freed = 0;
    for (const frame of this.#frames) {
      freed += storedFrameCost(frame);
      frame.bytes.fill(0);
    }
    this.#frames = [];
    return freed;
  }
}
