/**
 * The live streams of a session, and what each role knows about ids: an edge gives them, counting up from 1; a core
 * remembers which it has seen, so that a frame which comes late for a closed stream opens nothing.
 */
import { assert } from "../assert/assert.ts";
import { UNTIL_HEARD } from "./goaway_frame.ts";
import { ProtocolViolation } from "./protocol_violation.ts";
import { SeenStreamIds } from "./seen_stream_ids.ts";
import type { Stream } from "./stream.ts";

export interface StreamTableOptions<T> {
  role: "edge" | "core";
  maxStreams: number;
  create(id: number): Stream<T>;
}

/** Streams above the agreed number that a core still takes: frames of closed ones may be under way on another lane. */
const STREAM_LIMIT_SLACK = 1024;

/** What a frame may do to an id that was never seen: open it, use it up unopened, or nothing. */
export type UnseenIdRule = "open" | "use_up" | "violation";

export class StreamTable<T> {
  readonly #options: StreamTableOptions<T>;
  readonly #streams = new Map<number, Stream<T>>();
  readonly #seen: SeenStreamIds;
  #lastOpenedId = 0;
  /** Core, after the edge's GOAWAY: ids above it cannot come. */
  #peerLastId: number | null = null;

  constructor(options: StreamTableOptions<T>) {
    this.#options = options;
    this.#seen = new SeenStreamIds(options.maxStreams + 1024);
  }

  get size(): number {
    return this.#streams.size;
  }

  get isFull(): boolean {
    return this.#streams.size >= this.#options.maxStreams;
  }

  values(): Stream<T>[] {
    return [...this.#streams.values()];
  }

  /** Opens a stream on an edge. */
  open(): Stream<T> {
    assert(this.#options.role === "edge" && !this.isFull, "an edge below its limit opens streams");
    return this.#insert(++this.#lastOpenedId);
  }

  /** The live stream a frame is for, or null when the frame is to be dropped. @throws {ProtocolViolation} */
  find(id: number, unseen: UnseenIdRule): Stream<T> | null {
    const stream = this.#streams.get(id);
    if (stream !== undefined) return stream;
    if (id === 0) throw new ProtocolViolation("stream_id", "stream id 0");
    if (this.#options.role === "edge") {
      if (id > this.#lastOpenedId) throw new ProtocolViolation("stream_id", `stream ${id} was never opened`);
      return null;
    }
    if (this.#seen.has(id)) return null;
    if (unseen === "violation" || (this.#peerLastId !== null && id > this.#peerLastId)) {
      throw new ProtocolViolation("stream_id", `stream ${id} was never opened`);
    }
    if (unseen === "open" && this.#streams.size >= this.#options.maxStreams + STREAM_LIMIT_SLACK) {
      throw new ProtocolViolation("stream_limit", "too many live streams");
    }
    this.#seen.add(id);
    return unseen === "open" ? this.#insert(id) : null;
  }

  /** True when a copy may open a stream: what it is a copy of comes later, when there may be room. */
  isOpenToCopies(id: number): boolean {
    return this.#streams.has(id) || (!this.isFull && this.#seen.runCount < this.#options.maxStreams);
  }

  remove(stream: Stream<T>): void {
    this.#streams.delete(stream.id);
  }

  /** The last id for our own GOAWAY. */
  get lastId(): number {
    return this.#options.role === "edge" ? this.#lastOpenedId : UNTIL_HEARD;
  }

  /** The peer's GOAWAY; returns the streams that it will never take. @throws {ProtocolViolation} `stream_id` */
  peerStopped(lastId: number): Stream<T>[] {
    if (this.#options.role === "edge") {
      if (lastId > this.#lastOpenedId && lastId !== UNTIL_HEARD) {
        throw new ProtocolViolation("stream_id", "GOAWAY beyond the last stream");
      }
      return this.values().filter((stream) => stream.id > lastId);
    }
    if (lastId < this.#seen.highest) throw new ProtocolViolation("stream_id", "GOAWAY below a seen stream");
    this.#peerLastId = lastId;
    return [];
  }

  /** True when no stream can come any more: a core has seen every id up to the last of the edge's GOAWAY. */
  get isComplete(): boolean {
    return this.#options.role === "edge" ||
      (this.#peerLastId !== null && this.#seen.floor >= this.#peerLastId);
  }

  #insert(id: number): Stream<T> {
    const stream = this.#options.create(id);
    this.#streams.set(id, stream);
    return stream;
  }
}
