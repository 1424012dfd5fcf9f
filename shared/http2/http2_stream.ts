import type { OutputBuffer } from "../buffers/output_buffer.ts";
import type { Fields } from "../exchange/fields.ts";

/**
 * One stream (RFC 9113 §5.1). The driver reads `id` and `isClosed` and owns `owner`; all else is written by the parts of
 * `Http2Connection` only: one object instead of a map in each part, since the fields are read for every frame.
 */
export class Http2Stream<Owner> {
  readonly id: number;
  /** The driver's own object for this stream. */
  owner: Owner | null = null;
  /** No frame of this stream will be sent or told any more. */
  isClosed = false;
  /** Closed by our own side's reset: what was still queued about it is not told. */
  isLocallyReset = false;
  /** The driver knows of it. */
  isAnnounced = false;
  /** The request's method is HEAD: its answer has no body. */
  isHeadRequest = false;

  // Receiving.
  hasReceivedHead = false;
  isReceiveEnded = false;
  /** What still arrives is dropped at once. */
  isDiscarding = false;
  /** Bytes the peer may still send. */
  receiveWindow: number;
  /** Body bytes told to the driver and not yet consumed. */
  unconsumedBytes = 0;
  /** Consumed bytes for which no WINDOW_UPDATE went out. */
  uncreditedBytes = 0;
  receivedBytes = 0;
  /** By `content-length`, or null. */
  expectedBytes: number | null = null;
  /** Decoded size of the received head. */
  headBytes = 0;
  /** Where the measuring of the body's rate begins: time and bytes. */
  rateSinceMs = 0;
  rateSinceBytes = 0;

  // Sending.
  hasSentHead = false;
  /** `ending`: all is accepted, the end is not framed yet. */
  sendState: "open" | "ending" | "ended" = "open";
  sendWindow: number;
  /** Body bytes accepted in all; for `content-length`. */
  acceptedBytes = 0;
  announcedBytes: number | null = null;
  /** Body bytes that wait for a window or for room in the output. */
  heldBytes = 0;
  held: OutputBuffer | null = null;
  heldChunk: Uint8Array | null = null;
  heldChunkAt = 0;
  trailers: Fields | null = null;
  isReady = false;
  nextReady: Http2Stream<Owner> | null = null;
  framedBytes = 0;
  /** Bytes written to the socket and not yet told. */
  unreportedBytes = 0;
  /** Since when, and from which `framedBytes` on, held bytes have not moved; -1: none is held. */
  stalledSinceMs = -1;
  stalledAtBytes = 0;

  constructor(id: number, windows: { receive: number; send: number }) {
    this.id = id;
    this.receiveWindow = windows.receive;
    this.sendWindow = windows.send;
  }
}
