/**
 * The live streams of a session, and what each role knows about ids: an edge gives them, counting up from 1; a core
 * remembers which it has seen, so that a frame which comes late for a closed stream opens nothing.
 */
import { assert } from "../assert/assert.ts";
import { ProtocolViolation } from "./protocol_violation.ts";
import { SeenStreamIds } from "./seen_stream_ids.ts";
import type { Stream } from "./stream.ts";

export interface StreamTableOptions<T> {
  role: "edge" | "core";
  maxStreams: number;
  create(id: number): Stream<T>;
}

/** What a frame may do to an id that was never seen: open it, use it up unopened, or nothing. */
export type UnseenIdRule = "open" | "use_up" | "violation";

export class StreamTable<T> {
  readonly #options: StreamTableOptions<T>;
  readonly #streams = new Map<number, Stream<T>>();
  readonly #seen: SeenStreamIds;
  #lastOpenedId = 0;
  /** Core, after its GOAWAY: ids above it are not taken. */
  #lastTakenId: number | null = null;
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
    if (this.#lastTakenId !== null && id > this.#lastTakenId) return null;
    if (this.#seen.has(id)) return null;
    if (unseen === "violation" || (this.#peerLastId !== null && id > this.#peerLastId)) {
      throw new ProtocolViolation("stream_id", `stream ${id} was never opened`);
    }
    if (unseen === "open" && this.isFull) {
      throw new ProtocolViolation("stream_limit", "too many live streams");
    }
    this.#seen.add(id);
    return unseen === "open" ? this.#insert(id) : null;
  }

  remove(stream: Stream<T>): void {
    this.#streams.delete(stream.id);
  }

  /** Opens (edge) or takes (core) no more; returns the last id for GOAWAY. */
  stop(): number {
    if (this.#options.role === "edge") return this.#lastOpenedId;
    this.#lastTakenId = this.#seen.highest;
    return this.#lastTakenId;
  }

  /** The peer's GOAWAY; returns the streams that it will never take. @throws {ProtocolViolation} `stream_id` */
  peerStopped(lastId: number): Stream<T>[] {
    if (this.#options.role === "edge") {
      if (lastId > this.#lastOpenedId) {
        throw new ProtocolViolation("stream_id", "GOAWAY beyond the last stream");
      }
      return this.values().filter((stream) => stream.id > lastId);
    }
    if (lastId < this.#seen.highest) throw new ProtocolViolation("stream_id", "GOAWAY below a seen stream");
    this.#peerLastId = lastId;
    return [];
  }

  /** True when every id that may still be taken has been seen. */
  get isComplete(): boolean {
    if (this.#options.role === "edge") return true;
    return this.#seen.floor >= Math.min(this.#lastTakenId ?? Infinity, this.#peerLastId ?? Infinity);
  }

  #insert(id: number): Stream<T> {
    const stream = this.#options.create(id);
    this.#streams.set(id, stream);
    return stream;
  }
}
