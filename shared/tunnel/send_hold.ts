/**
 * What a stream wants to send and cannot yet, in order. Data pieces grow together, since their borders mean nothing;
 * the others keep theirs. Memory is wiped as it empties.
 */
import { STREAM_DATA, type StreamFrameType } from "./frame_type.ts";

const SMALLEST_BUFFER_BYTES = 1024;
const LARGEST_SPARE_BUFFER_BYTES = 16 * 1024;

interface HeldPiece {
  readonly type: StreamFrameType;
  readonly buffer: Uint8Array;
  start: number;
  end: number;
}

export class SendHold {
  #pieces: HeldPiece[] = [];
  #heldBytes = 0;
  #heldDataBytes = 0;

  get isEmpty(): boolean {
    return this.#pieces.length === 0;
  }

  /** Bytes of every piece. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  get heldDataBytes(): number {
    return this.#heldDataBytes;
  }

  /** Type of the first piece; null when empty. */
  get firstType(): StreamFrameType | null {
    return this.#pieces[0]?.type ?? null;
  }

  get firstBytes(): number {
    const first = this.#pieces[0];
    return first === undefined ? 0 : first.end - first.start;
  }

  add(type: StreamFrameType, bytes: Uint8Array): void {
    this.#heldBytes += bytes.length;
    if (type !== STREAM_DATA) {
      this.#pieces.push({ type, buffer: bytes.slice(), start: 0, end: bytes.length });
      return;
    }
    const spare = Math.min(LARGEST_SPARE_BUFFER_BYTES, Math.max(SMALLEST_BUFFER_BYTES, this.#heldDataBytes));
    this.#heldDataBytes += bytes.length;
    const last = this.#pieces.at(-1);
    let taken = 0;
    if (last !== undefined && last.type === STREAM_DATA) {
      taken = Math.min(bytes.length, last.buffer.length - last.end);
      last.buffer.set(bytes.subarray(0, taken), last.end);
      last.end += taken;
    }
    if (taken === bytes.length) return;
    const rest = bytes.subarray(taken);
    const buffer = new Uint8Array(Math.max(rest.length, spare));
    buffer.set(rest);
    this.#pieces.push({ type, buffer, start: 0, end: rest.length });
  }

  /** The front `bytes` of the first piece, valid until {@linkcode removeFirst}. */
  peekFirst(bytes: number): Uint8Array {
    const first = this.#pieces[0];
    return first === undefined ? new Uint8Array(0) : first.buffer.subarray(first.start, first.start + bytes);
  }

  /** Removes what {@linkcode peekFirst} gave. */
  removeFirst(bytes: number): void {
    const first = this.#pieces[0];
    if (first === undefined) return;
    first.buffer.fill(0, first.start, first.start + bytes);
    first.start += bytes;
    this.#heldBytes -= bytes;
    if (first.type === STREAM_DATA) this.#heldDataBytes -= bytes;
    if (first.start === first.end) this.#pieces.shift();
  }

  clear(): void {
    for (const piece of this.#pieces) piece.buffer.fill(0);
    this.#pieces = [];
    this.#heldBytes = 0;
    this.#heldDataBytes = 0;
  }
}
