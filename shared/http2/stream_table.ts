import { ClosedStreams } from "./closed_streams.ts";
import { MAX_STREAM_ID } from "./frame.ts";
import type { Http2Role } from "./http2_failure.ts";
import type { Http2Stream } from "./http2_stream.ts";

/**
 * The streams of a connection by id (RFC 9113 §5.1.1): clients open odd ones in rising order; push does not exist, so
 * even ones stay idle for ever.
 */
export class StreamTable<Owner> {
  readonly #role: Http2Role;
  readonly #open = new Map<number, Http2Stream<Owner>>();
  readonly #closed = new ClosedStreams();
  #lastId = 0;
  #openHeadBytes = 0;

  constructor(role: Http2Role) {
    this.#role = role;
  }

  get size(): number {
    return this.#open.size;
  }

  /** The highest id opened by whoever opens streams here, the client. */
  get lastId(): number {
    return this.#lastId;
  }

  /** The last id that the other side may have had in work: 0 on a client's connection. */
  get lastPeerId(): number {
    return this.#role === "server" ? this.#lastId : 0;
  }

  /** Decoded size of the heads of all open streams. */
  get openHeadBytes(): number {
    return this.#openHeadBytes;
  }

  get hasIdsLeft(): boolean {
    return this.#lastId < MAX_STREAM_ID - 2;
  }

  get(streamId: number): Http2Stream<Owner> | undefined {
    return this.#open.get(streamId);
  }

  values(): IterableIterator<Http2Stream<Owner>> {
    return this.#open.values();
  }

  /** A stream in state idle: nothing but HEADERS (of the next one) and PRIORITY may name it. */
  isIdle(streamId: number): boolean {
    return (streamId & 1) === 0 || streamId > this.#lastId;
  }

  /** Frames on this closed stream may still be under way, because we reset it. */
  wasReset(streamId: number): boolean {
    return this.#closed.how(streamId) === "reset";
  }

  /** The stream was open not long ago. */
  wasOpen(streamId: number): boolean {
    return this.#closed.how(streamId) !== undefined;
  }

  /** Takes the id of the next stream that we open. */
  takeId(): number {
    this.#lastId = this.#lastId === 0 ? 1 : this.#lastId + 2;
    return this.#lastId;
  }

  /** The peer opens `streamId`; whatever becomes of it, lower ones are closed now. */
  openedByPeer(streamId: number): void {
    this.#lastId = streamId;
  }

  /** A stream of the peer that is not taken. */
  refuse(streamId: number): void {
    this.#closed.add(streamId, "reset");
  }

  add(stream: Http2Stream<Owner>): void {
    this.#open.set(stream.id, stream);
    this.#openHeadBytes += stream.headBytes;
  }

  remove(stream: Http2Stream<Owner>, how: "ended" | "reset"): void {
    if (this.#open.delete(stream.id)) this.#openHeadBytes -= stream.headBytes;
    this.#closed.add(stream.id, how);
  }
}
