/**
 * Which frames of the tokens log still have copies to go out, and when.
 *
 * A frame's copies have ranks: rank 0 goes out at once, each further one `spacingMs` after the one before. Ranks are given
 * to lanes elsewhere, different ones where there are several. Frames are read from the log when they go out, so
 * nothing is stored twice, and a copy of what the peer has acknowledged by then is not sent.
 */
import { RESET, STREAM_DATA, STREAM_END, STREAM_HEAD, STREAM_INFORMATIONAL } from "./frame_type.ts";
import { CopyCount, MAX_COPIES, type PathReading, type RedundancyOptions } from "./redundancy.ts";
import type { LoggedFrame, SendLog } from "./send_log.ts";
import type { FrameWriter } from "./varint.ts";

/** Frames of one rank that wait; of more, the oldest get no further copy. */
const MAX_WAITING = 2048;
/** While no copies are needed, one frame in so long is copied nevertheless: it measures the loss. */
const SAMPLE_INTERVAL_MS = 20;
/** What stands before the frames of a datagram. */
const MAX_NUMBER_BYTES = 8;

interface WaitingCopy {
  readonly position: number;
  readonly length: number;
  readonly dueAt: number;
}

export interface CopyScheduleOptions {
  readonly role: "edge" | "core";
  /** The tokens log. */
  readonly log: SendLog;
  readonly redundancy: RedundancyOptions;
  /** A copy of rank 0 waits. */
  onDue(): void;
}

export class CopySchedule {
  readonly #options: CopyScheduleOptions;
  readonly #count: CopyCount;
  readonly #waiting: WaitingCopy[][] = Array.from({ length: MAX_COPIES }, () => []);
  #mayMeasure = true;
  #sampledAt = Number.NEGATIVE_INFINITY;
  /** Ranks that have a lane. */
  #ranks = 0;
  #copiesSent = 0;
  #copyBytesSent = 0;

  constructor(options: CopyScheduleOptions) {
    this.#options = options;
    this.#count = new CopyCount(options.redundancy.mode);
    if (options.redundancy.mode !== "off") options.log.onFrame = (frame) => this.#frameAdded(frame);
  }

  get copiesPerFrame(): number {
    return this.#count.copies;
  }

  get copiesSent(): number {
    return this.#copiesSent;
  }

  get copyBytesSent(): number {
    return this.#copyBytesSent;
  }

  /** Returns whether the number of copies changed. */
  measured(reading: PathReading, now: number): boolean {
    return this.#count.update(reading, now);
  }

  /** So many ranks have a lane; copies of the others are dropped. */
  setRanks(ranks: number): void {
    this.#ranks = ranks;
    for (let rank = ranks; rank < MAX_COPIES; rank++) this.#waiting[rank] = [];
  }

  /** Time passes: a frame may be copied to measure the loss. */
  timePasses(now: number): void {
    if (now - this.#sampledAt >= SAMPLE_INTERVAL_MS) this.#mayMeasure = true;
  }

  /** Writes the frames of `rank` that are due into a packet of at most `maxBytes`, behind what is there. */
  write(writer: FrameWriter, { rank, now, maxBytes }: { rank: number; now: number; maxBytes: number }): void {
    const waiting = this.#waiting[rank] ?? [];
    let taken = 0;
    for (const copy of waiting) {
      if (copy.dueAt > now) break;
      if (this.#isWanted(copy) && copy.length + MAX_NUMBER_BYTES <= maxBytes) {
        if (writer.at + copy.length > maxBytes) break;
        this.#writeFrame(writer, copy);
        this.#scheduleNext(rank, { ...copy, dueAt: now + this.#options.redundancy.spacingMs });
      }
      taken++;
    }
    if (taken > 0) waiting.splice(0, taken);
    if (rank === 0 && taken > 0 && this.#count.copies === 0) this.#sampledAt = now;
  }

  isDue(rank: number, now: number): boolean {
    return this.dueAt(rank) <= now;
  }

  /** When the next copy of `rank` is due, which may be past; Infinity when none waits. */
  dueAt(rank: number): number {
    return this.#waiting[rank]?.[0]?.dueAt ?? Infinity;
  }

  clear(): void {
    this.setRanks(0);
  }

  #frameAdded({ type, position, length }: LoggedFrame): void {
    if (this.#ranks === 0 || length > this.#options.redundancy.maxFrameBytes || !this.#isCopied(type)) return;
    if (this.#count.copies === 0) {
      if (!this.#mayMeasure) return;
      this.#mayMeasure = false;
    }
    this.#add(0, { position, length, dueAt: Number.NEGATIVE_INFINITY });
    this.#options.onDue();
  }

  /** Heads, data and ends; of resets an edge's, since what stands before a core's is still for the client. */
  #isCopied(type: number): boolean {
    switch (type) {
      case STREAM_DATA:
      case STREAM_END:
      case STREAM_HEAD:
      case STREAM_INFORMATIONAL:
        return true;
      case RESET:
        return this.#options.role === "edge";
    }
    return false;
  }

  #isWanted({ position, length }: WaitingCopy): boolean {
    return position + length > this.#options.log.ackedPosition;
  }

  #writeFrame(writer: FrameWriter, { position, length }: WaitingCopy): void {
    const frames = this.#options.log.framesFrom(position);
    if (frames === null) return;
    writer.bytes(frames.subarray(0, length));
    this.#copiesSent++;
    this.#copyBytesSent += length;
  }

  #scheduleNext(rank: number, copy: WaitingCopy): void {
    if (rank + 1 < Math.min(this.#count.copies, this.#ranks)) this.#add(rank + 1, copy);
  }

  #add(rank: number, copy: WaitingCopy): void {
    const waiting = this.#waiting[rank];
    if (waiting === undefined) return;
    if (waiting.length >= MAX_WAITING) waiting.shift();
    waiting.push(copy);
  }
}
