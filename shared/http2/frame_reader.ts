/**
 * Cuts received bytes into frames (RFC 9113 §4.1).
 *
 * DATA is handed out piece by piece as it arrives, so that bodies are never collected here; every other frame is
 * handed out whole, in place where it lies whole in the input, else collected (one frame, at most
 * `MAX_FRAME_BYTES`). The reader is its own result: after `next()` returned true its fields describe the frame or the
 * piece, which saves an object for each.
 */
import { assert } from "../assert/assert.ts";
import { paddedDataLength } from "./data_frame.ts";
import { FLAG, FRAME_HEAD_BYTES, FRAME_TYPE, MAX_FRAME_BYTES, readUint31 } from "./frame.ts";
import { frameSizeError, protocolError } from "./http2_error.ts";
import { CLIENT_PREFACE } from "./preface.ts";

const EMPTY = new Uint8Array(0);

export class FrameReader {
  type = 0;
  flags = 0;
  streamId = 0;
  /** Length of the whole payload, padding included. */
  length = 0;
  /** The payload, or for DATA a piece of the body; borrowed until the next call. */
  payload: Uint8Array = EMPTY;
  /** For DATA: the first piece of its frame. */
  isFirstPiece = false;
  /** For DATA: the last piece, with all padding read. */
  isLastPiece = false;

  #input: Uint8Array = EMPTY;
  #at = 0;
  #state: "preface" | "head" | "payload" | "pad_length" | "data";
  readonly #head: Uint8Array = new Uint8Array(FRAME_HEAD_BYTES);
  /** Bytes of the preface, the frame head or the payload that have come so far. */
  #filled = 0;
  #collected: Uint8Array = EMPTY;
  #isNextFirst = false;
  #dataLeft = 0;
  #paddingLeft = 0;

  /** @param expectsPreface true on the server's side (RFC 9113 §3.4) */
  constructor(expectsPreface: boolean) {
    this.#state = expectsPreface ? "preface" : "head";
  }

  get hasPreface(): boolean {
    return this.#state !== "preface";
  }

  /** A HEADERS or CONTINUATION frame has begun and not ended. */
  get isWithinFieldBlock(): boolean {
    return this.#state === "payload" &&
      (this.type === FRAME_TYPE.HEADERS || this.type === FRAME_TYPE.CONTINUATION);
  }

  /** Lends `bytes` until `next()` returns false. */
  receive(bytes: Uint8Array): void {
    assert(this.#at === this.#input.length, "receive() before the last input was read to its end");
    this.#input = bytes;
    this.#at = 0;
  }

  /** Drops what is left of the input. */
  discard(): void {
    this.#at = this.#input.length;
  }

  /**
   * Moves to the next frame or piece; false: all input is read.
   * @throws {Http2Error} of the connection
   */
  next(): boolean {
    for (;;) {
      if (this.#state === "data") return this.#nextPiece();
      if (this.#at === this.#input.length && !(this.#state === "payload" && this.length === 0)) {
        return this.#isInputRead();
      }
      if (this.#state === "preface") this.#readPreface();
      else if (this.#state === "head") this.#readHead();
      else if (this.#state === "pad_length") this.#readPadLength();
      else if (this.#readPayload()) return true;
    }
  }

  #readPreface(): void {
    while (this.#at < this.#input.length && this.#filled < CLIENT_PREFACE.length) {
      if (this.#input[this.#at++] !== CLIENT_PREFACE[this.#filled++]) throw protocolError("not HTTP/2");
    }
    if (this.#filled === CLIENT_PREFACE.length) this.#expectHead();
  }

  #readHead(): void {
    const input = this.#input;
    let head = this.#head;
    let start = 0;
    if (this.#filled === 0 && input.length - this.#at >= FRAME_HEAD_BYTES) {
      head = input;
      start = this.#at;
      this.#at += FRAME_HEAD_BYTES;
    } else {
      while (this.#at < input.length && this.#filled < FRAME_HEAD_BYTES) {
        head[this.#filled++] = input[this.#at++] ?? 0;
      }
      if (this.#filled < FRAME_HEAD_BYTES) return;
    }
    this.length = ((head[start] ?? 0) << 16) | ((head[start + 1] ?? 0) << 8) | (head[start + 2] ?? 0);
    this.type = head[start + 3] ?? 0;
    this.flags = head[start + 4] ?? 0;
    this.streamId = readUint31(head, start + 5);
    this.#filled = 0;
    if (this.length > MAX_FRAME_BYTES) throw frameSizeError("frame larger than SETTINGS_MAX_FRAME_SIZE");
    this.#beginPayload();
  }

  #beginPayload(): void {
    if (this.type !== FRAME_TYPE.DATA) {
      this.#state = "payload";
      return;
    }
    if (this.streamId === 0) throw protocolError("DATA on stream 0");
    this.#isNextFirst = true;
    this.#paddingLeft = 0;
    this.#dataLeft = this.length;
    if ((this.flags & FLAG.PADDED) === 0) this.#state = "data";
    else if (this.length === 0) throw frameSizeError("padded DATA without pad length");
    else this.#state = "pad_length";
  }

  #readPadLength(): void {
    this.#paddingLeft = this.#input[this.#at++] ?? 0;
    this.#dataLeft = paddedDataLength(this.length, this.#paddingLeft);
    this.#state = "data";
  }

  #readPayload(): boolean {
    const available = this.#input.length - this.#at;
    if (this.#filled === 0 && available >= this.length) {
      this.payload = this.#input.subarray(this.#at, this.#at + this.length);
      this.#at += this.length;
      this.#expectHead();
      return true;
    }
    if (this.#filled === 0) this.#collected = new Uint8Array(this.length);
    const taken = Math.min(available, this.length - this.#filled);
    this.#collected.set(this.#input.subarray(this.#at, this.#at + taken), this.#filled);
    this.#at += taken;
    this.#filled += taken;
    if (this.#filled < this.length) return false;
    this.payload = this.#collected;
    this.#collected = EMPTY;
    this.#expectHead();
    return true;
  }

  #nextPiece(): boolean {
    const available = this.#input.length - this.#at;
    if (available === 0 && this.#dataLeft + this.#paddingLeft > 0) return this.#isInputRead();
    const start = this.#at;
    const taken = Math.min(available, this.#dataLeft);
    const skipped = Math.min(available - taken, this.#paddingLeft);
    this.#at += taken + skipped;
    this.#dataLeft -= taken;
    this.#paddingLeft -= skipped;
    this.payload = this.#input.subarray(start, start + taken);
    this.isFirstPiece = this.#isNextFirst;
    this.#isNextFirst = false;
    this.isLastPiece = this.#dataLeft === 0 && this.#paddingLeft === 0;
    if (this.isLastPiece) this.#expectHead();
    return true;
  }

  #isInputRead(): false {
    this.#input = EMPTY;
    this.#at = 0;
    return false;
  }

  #expectHead(): void {
    this.#state = "head";
    this.#filled = 0;
  }
}
