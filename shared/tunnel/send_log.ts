/**
 * Every sequenced frame of the session that the peer has not acknowledged, in the order of sending.
 *
 * A lane is a cursor over this log: it sends what lies between its cursor and the end, and acknowledgements on it tell
 * how far the peer has come. When a lane dies, or gives way, another begins at the first frame that is not
 * acknowledged. So frames sent again keep their borders and their order, and one lane by itself never leaves a gap.
 *
 * Positions count encoded bytes from the session's start. Frames lie whole in one slab. Memory is wiped when released.
 * Rejected: a ring of bytes for each stream, which costs memory with the number of streams instead of with what is in
 * flight; and a log for each lane, which has to be copied frame by frame when its lane dies.
 */
import { assert } from "../assert/assert.ts";
import { FrameReader, FrameWriter } from "./varint.ts";

/** With a lane's own frames before it, a full slab makes one write of 64 KiB. */
const SLAB_BYTES = 64 * 1024 - 256;
/** Released slabs kept for reuse. */
const MAX_FREE_SLABS = 4;

interface Slab {
  readonly bytes: Uint8Array;
  /** Position of its first byte. */
  start: number;
  length: number;
}

/** A frame by its place in the log; the log uses one object for all. */
export interface LoggedFrame {
  type: number;
  position: number;
  /** Header included. */
  length: number;
}

export class SendLog {
  /** Ascending and contiguous by position. */
  #slabs: Slab[] = [];
  #free: Uint8Array[] = [];
  #writer = new FrameWriter();
  #ackedPosition = 0;
  #endPosition = 0;

  /** Called for each frame that was added, before anything else is. */
  onFrame: ((frame: LoggedFrame) => void) | null = null;
  readonly #added: LoggedFrame = { type: 0, position: 0, length: 0 };

  /** Everything before it is with the peer. */
  get ackedPosition(): number {
    return this.#ackedPosition;
  }

  get endPosition(): number {
    return this.#endPosition;
  }

  get retainedBytes(): number {
    return this.#endPosition - this.#ackedPosition;
  }

  get slabCount(): number {
    return this.#slabs.length;
  }

  /** Bytes that fit behind the last frame without a new slab; a whole slab's when there is none. */
  get roomBytes(): number {
    const last = this.#slabs.at(-1);
    return last === undefined ? SLAB_BYTES : last.bytes.length - last.length;
  }

  static readonly slabBytes = SLAB_BYTES;

  /** A writer with room for a frame of `maxFrameBytes`, which {@linkcode commit} then takes in. */
  begin(maxFrameBytes: number): FrameWriter {
    let slab = this.#slabs.at(-1);
    if (slab === undefined || slab.bytes.length - slab.length < maxFrameBytes) {
      const bytes = maxFrameBytes > SLAB_BYTES
        ? new Uint8Array(maxFrameBytes)
        : (this.#free.pop() ?? new Uint8Array(SLAB_BYTES));
      slab = { bytes, start: this.#endPosition, length: 0 };
      this.#slabs.push(slab);
    }
    this.#writer.buffer = slab.bytes;
    this.#writer.at = slab.length;
    return this.#writer;
  }

  /** Adds what was written since {@linkcode begin}: exactly one frame. */
  commit(): void {
    const slab = this.#slabs.at(-1);
    assert(slab !== undefined && slab.bytes === this.#writer.buffer, "commit without begin");
    const added = this.#added;
    added.type = slab.bytes[slab.length] ?? 0;
    added.position = this.#endPosition;
    added.length = this.#writer.at - slab.length;
    this.#endPosition += added.length;
    slab.length = this.#writer.at;
    this.onFrame?.(added);
  }

  /** Releases what lies before `position`, which is at most the end; positions in the past are no-ops. */
  acknowledge(position: number): void {
    if (position <= this.#ackedPosition) return;
    assert(position <= this.#endPosition, "acknowledged beyond the end");
    this.#ackedPosition = position;
    let released = 0;
    for (const slab of this.#slabs) {
      if (slab.start + slab.length > position) break;
      slab.bytes.fill(0, 0, slab.length);
      if (slab === this.#slabs.at(-1) && slab.bytes.length === SLAB_BYTES) {
        slab.start = position;
        slab.length = 0;
        break;
      }
      if (slab.bytes.length === SLAB_BYTES && this.#free.length < MAX_FREE_SLABS) this.#free.push(slab.bytes);
      released++;
    }
    if (released > 0) this.#slabs.splice(0, released);
  }

  /** Position of the first frame that is not wholly acknowledged. */
  firstUnackedFrame(): number {
    const slab = this.#slabAt(this.#ackedPosition);
    if (slab === undefined) return this.#endPosition;
    const reader = new FrameReader();
    let at = 0;
    while (slab.start + at < this.#ackedPosition) {
      reader.reset(slab.bytes, { start: at + 1, end: slab.length });
      const payloadBytes = reader.varint();
      const next = slab.length - reader.remaining + payloadBytes;
      if (slab.start + next > this.#ackedPosition) break;
      at = next;
    }
    return slab.start + at;
  }

  /**
   * The bytes from `position`, a frame's first, to the end of its slab: whole frames, borrowed until the next call of
   * {@linkcode acknowledge}. Null at the end of the log.
   */
  framesFrom(position: number): Uint8Array | null {
    const slab = this.#slabAt(position);
    return slab === undefined ? null : slab.bytes.subarray(position - slab.start, slab.length);
  }

  /** Drops everything, wiped; the log stays usable only for reading its figures. */
  clear(): void {
    for (const slab of this.#slabs) slab.bytes.fill(0, 0, slab.length);
    this.#slabs = [];
    this.#free = [];
    this.#ackedPosition = this.#endPosition;
  }

  /** The slab that holds the byte at `position`. */
  #slabAt(position: number): Slab | undefined {
    for (let index = this.#slabs.length - 1; index >= 0; index--) {
      const slab = this.#slabs[index];
      if (slab !== undefined && slab.start <= position) {
        return position < slab.start + slab.length ? slab : undefined;
      }
    }
    return undefined;
  }
}
