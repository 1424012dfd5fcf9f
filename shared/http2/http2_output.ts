import { OutputBuffer } from "../buffers/output_buffer.ts";

/** Frames on their way to the socket, with the count of those that a peer can provoke without reading any. */
export class Http2Output {
  readonly #buffer = new OutputBuffer();
  #appendedBytes = 0;
  #controlBytes = 0;

  /** Bytes ever appended: the offset of the next frame on the wire. */
  get appendedBytes(): number {
    return this.#appendedBytes;
  }

  /** Bytes appended and not yet taken. */
  get pendingBytes(): number {
    return this.#buffer.pendingBytes;
  }

  /** Bytes of control frames appended since the buffer was last empty. */
  get controlBytes(): number {
    return this.#controlBytes;
  }

  /** Room for one frame, to be filled before the next call. */
  reserve(bytes: number): Uint8Array {
    this.#appendedBytes += bytes;
    return this.#buffer.reserve(bytes);
  }

  /** As {@linkcode reserve}, for SETTINGS, PING, RST_STREAM, GOAWAY and WINDOW_UPDATE. */
  reserveControl(bytes: number): Uint8Array {
    this.#controlBytes += bytes;
    return this.reserve(bytes);
  }

  append(bytes: Uint8Array): void {
    this.#appendedBytes += bytes.length;
    this.#buffer.append(bytes);
  }

  take(): Uint8Array | null {
    const chunk = this.#buffer.take();
    if (this.#buffer.pendingBytes === 0) this.#controlBytes = 0;
    return chunk;
  }

  release(chunk: Uint8Array): void {
    this.#buffer.release(chunk);
  }

  clear(): void {
    this.#buffer.clear();
    this.#controlBytes = 0;
  }
}
