/**
 * One exchange inside a session: a sender, a receiver, and what its user calls.
 *
 * A stream is live until both directions ended or it is cut. The session owns the table of live streams; a stream asks
 * its host for everything that concerns more than itself.
 */
import { assert } from "../assert/assert.ts";
import type { CarriedLog } from "./carried_log.ts";
import { MAX_HEAD_BYTES, STREAM_DATA, STREAM_END, STREAM_HEAD, STREAM_INFORMATIONAL } from "./frame_type.ts";
import type { StreamFrameType } from "./frame_type.ts";
import { MAX_RESET_CODE } from "./reset_frame.ts";
import type { SessionStream } from "./session_stream.ts";
import { StreamReceiver } from "./stream_receiver.ts";
import { StreamSender } from "./stream_sender.ts";

export interface StreamHost<T> {
  /** Where a new stream's frames go. */
  readonly firstLog: CarriedLog;
  /** Gives the stream the other log if its next piece, of so many bytes, belongs there and nothing of it is under way. */
  chooseLog(stream: Stream<T>, piece: { bytes: number; isBulk: boolean }): void;
  /** Bytes that a piece of `bytes` may put into the stream's log at once; 0 while others wait before it. */
  directBudget(stream: Stream<T>, bytes: number): number;
  /** Frames went into the log. */
  logGrew(log: CarriedLog): void;
  /** The stream holds so many bytes more. */
  heldGrew(bytes: number): void;
  /** The stream holds something that may go. */
  becameReady(stream: Stream<T>): void;
  /** Tell the peer the stream's new credit limit. */
  creditGrew(stream: Stream<T>, limit: number): void;
  /** The user cuts the stream. */
  resetByUser(stream: Stream<T>, code: number): void;
  /** STREAM_END is in the log. */
  sendFinished(stream: Stream<T>): void;
}

export class Stream<T> implements SessionStream<T> {
  readonly id: number;
  readonly sender: StreamSender;
  readonly receiver: StreamReceiver;
  /** True once the user knows of the stream. */
  isAnnounced: boolean;
  /** The queued `sent` event, while it can still grow. */
  sentEvent: { readonly kind: "sent"; readonly stream: SessionStream<T>; bytes: number } | null = null;
  /** Where its frames go. */
  carried: CarriedLog;
  /** Position in that log behind its latest frame. */
  sentPosition = 0;
  readonly #host: StreamHost<T>;
  readonly #windowUnits: number;
  #owner: T | undefined;
  /** `muted`: cut by the user, who wants no more events. */
  #state: "live" | "complete" | "cut" | "muted" = "live";

  constructor(host: StreamHost<T>, options: { id: number; role: "edge" | "core"; windowUnits: number }) {
    const { id, role, windowUnits } = options;
    this.#host = host;
    this.#windowUnits = windowUnits;
    this.carried = host.firstLog;
    this.id = id;
    this.isAnnounced = role === "edge";
    this.sender = new StreamSender({
      streamId: id,
      direction: role === "edge" ? "request" : "answer",
      windowUnits,
    });
    this.receiver = new StreamReceiver({ direction: role === "edge" ? "answer" : "request", windowUnits });
  }

  get owner(): T {
    assert(this.#owner !== undefined, "stream without an owner");
    return this.#owner;
  }

  set owner(owner: T) {
    this.#owner = owner;
  }

  get heldBytes(): number {
    return this.sender.heldDataBytes;
  }

  get isClosed(): boolean {
    return this.#state !== "live";
  }

  get isMuted(): boolean {
    return this.#state === "muted";
  }

  sendInformational(head: Uint8Array): void {
    this.#sendWhole(STREAM_INFORMATIONAL, head);
  }

  sendHead(head: Uint8Array, isBulk = false): void {
    this.#sendWhole(STREAM_HEAD, head, isBulk);
  }

  sendData(bytes: Uint8Array): number {
    if (this.#isCut) return bytes.length;
    if (bytes.length === 0) return 0;
    this.#host.chooseLog(this, { bytes: bytes.length, isBulk: false });
    return this.#send(STREAM_DATA, bytes);
  }

  sendEnd(trailers: Uint8Array): void {
    this.#sendWhole(STREAM_END, trailers);
  }

  reset(code: number): void {
    assert(code >= 1 && code <= MAX_RESET_CODE, "reset code out of range");
    if (this.#state === "live") this.#host.resetByUser(this, code);
  }

  consumed(bytes: number): void {
    if (this.#state !== "live") return;
    assert(bytes <= this.receiver.unconsumedBytes, "more bytes consumed than delivered");
    const limit = this.receiver.consume(bytes);
    if (limit !== null) this.#host.creditGrew(this, limit);
  }

  /** For the session: moves one held frame into the log; returns how many bytes of data it carries. */
  moveFrame(): number {
    const bytes = this.sender.moveFrame(this.carried.log);
    this.sentPosition = this.carried.log.endPosition;
    return bytes;
  }

  /** For the session: both directions ended, or the stream is cut. */
  close(state: "complete" | "cut" | "muted"): void {
    this.#state = state;
  }

  get #isCut(): boolean {
    return this.#state === "cut" || this.#state === "muted";
  }

  #sendWhole(type: StreamFrameType, bytes: Uint8Array, isBulk = false): void {
    if (this.#isCut) return;
    assert(bytes.length <= MAX_HEAD_BYTES, "head or trailers above their limit");
    this.#host.chooseLog(this, { bytes: 0, isBulk });
    this.#send(type, bytes);
  }

  #send(type: StreamFrameType, bytes: Uint8Array): number {
    const { sender, carried } = this;
    const host = this.#host;
    const held = sender.heldBytes;
    const logEnd = carried.log.endPosition;
    const budgetBytes = host.directBudget(this, bytes.length);
    const sent = sender.send({ type, bytes, budgetBytes }, carried.log);
    if (carried.log.endPosition > logEnd) {
      this.sentPosition = carried.log.endPosition;
      host.logGrew(carried);
    }
    if (sender.hasHeld) {
      host.heldGrew(sender.heldBytes - held);
      assert(sender.heldDataBytes <= this.#windowUnits, "a user has more than a window held");
      if (sender.isReady) host.becameReady(this);
    } else if (type === STREAM_END) host.sendFinished(this);
    return sent;
  }
}
