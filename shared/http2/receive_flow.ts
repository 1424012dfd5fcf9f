/**
 * Flow control of what arrives (RFC 9113 §5.2, §6.9).
 *
 * Invariant, for the connection and for each stream: window the peer has left + bytes told and not consumed + bytes
 * consumed and not credited = the configured window. Credit goes out once it is half a window. Bytes of a closed
 * stream and padding are credited to the connection at once, so that no end of a stream leaks window.
 */
import { HTTP2_ERROR, Http2Error } from "./http2_error.ts";
import type { Http2Output } from "./http2_output.ts";
import type { Http2Stream } from "./http2_stream.ts";
import { WINDOW_UPDATE_FRAME_BYTES, writeWindowUpdateFrame } from "./window_update_frame.ts";

/** Window of connection and stream before any SETTINGS or WINDOW_UPDATE (RFC 9113 §6.9.2). */
export const DEFAULT_WINDOW_BYTES = 65535;

export class ReceiveFlow<Owner> {
  readonly #output: Http2Output;
  readonly #connectionWindowBytes: number;
  readonly #streamWindowBytes: number;
  #window = DEFAULT_WINDOW_BYTES;
  #uncredited = 0;
  #unconsumed = 0;

  constructor(output: Http2Output, windows: { connectionBytes: number; streamBytes: number }) {
    this.#output = output;
    this.#connectionWindowBytes = windows.connectionBytes;
    this.#streamWindowBytes = windows.streamBytes;
  }

  /** Bytes the peer may still send on the connection. */
  get windowBytes(): number {
    return this.#window;
  }

  /** Bytes told to the driver and not consumed, over all open streams. */
  get unconsumedBytes(): number {
    return this.#unconsumed;
  }

  get uncreditedBytes(): number {
    return this.#uncredited;
  }

  /** Raises the connection's window to its configured size; after SETTINGS. */
  start(): void {
    this.#creditConnection(this.#connectionWindowBytes - DEFAULT_WINDOW_BYTES);
  }

  /** A DATA frame of `bytes` (padding included) begins on whatever stream. */
  chargeConnection(bytes: number): void {
    if (bytes > this.#window) {
      throw new Http2Error("connection window exceeded", { errorCode: HTTP2_ERROR.FLOW_CONTROL_ERROR });
    }
    this.#window -= bytes;
  }

  /** The frame is for `stream`. @throws {Http2Error} of the stream if it has no window for it */
  chargeStream(stream: Http2Stream<Owner>, bytes: number): void {
    if (bytes > stream.receiveWindow) {
      throw new Http2Error("stream window exceeded", {
        errorCode: HTTP2_ERROR.FLOW_CONTROL_ERROR,
        streamId: stream.id,
      });
    }
    stream.receiveWindow -= bytes;
  }

  /** `bytes` of body go to the driver. */
  deliver(stream: Http2Stream<Owner>, bytes: number): void {
    stream.unconsumedBytes += bytes;
    this.#unconsumed += bytes;
  }

  /** The driver consumed `bytes`; after the stream's end only the connection is credited. */
  consumed(stream: Http2Stream<Owner>, bytes: number): void {
    if (stream.isClosed) return;
    stream.unconsumedBytes -= bytes;
    this.#unconsumed -= bytes;
    this.skip(stream, bytes);
  }

  /** `bytes` were charged for `stream` and reach no one: padding, or what a refused request still sends. */
  skip(stream: Http2Stream<Owner>, bytes: number): void {
    this.skipConnection(bytes);
    if (stream.isReceiveEnded || stream.isClosed) return;
    stream.uncreditedBytes += bytes;
    if (stream.uncreditedBytes < this.#streamWindowBytes / 2) return;
    stream.receiveWindow += stream.uncreditedBytes;
    this.#writeUpdate(stream.id, stream.uncreditedBytes);
    stream.uncreditedBytes = 0;
  }

  /** `bytes` were charged for a stream that is closed. */
  skipConnection(bytes: number): void {
    this.#uncredited += bytes;
    if (this.#uncredited >= this.#connectionWindowBytes / 2) {
      this.#creditConnection(this.#uncredited);
      this.#uncredited = 0;
    }
  }

  /** The stream closed: what the driver still holds of it is no longer counted. */
  close(stream: Http2Stream<Owner>): void {
    this.#unconsumed -= stream.unconsumedBytes;
    this.skipConnection(stream.unconsumedBytes);
    stream.unconsumedBytes = 0;
  }

  #creditConnection(bytes: number): void {
    if (bytes <= 0) return;
    this.#window += bytes;
    this.#writeUpdate(0, bytes);
  }

  #writeUpdate(streamId: number, increment: number): void {
    writeWindowUpdateFrame(this.#output.reserveControl(WINDOW_UPDATE_FRAME_BYTES), { streamId, increment });
  }
}
