/**
 * One simulated connection: two ordered byte pipes with latency, a bounded buffer, stalls and re-chunking, that can be cut
 * at any byte with what is in flight lost.
 */
import assert from "node:assert/strict";
import type { Lane } from "../../../../shared/tunnel/lane.ts";
import type { Random } from "./random.ts";

export interface LaneConditions {
  latencyMs: number;
  jitterMs: number;
  /** Bytes in flight in one direction before the writer has to wait. */
  bufferBytes: number;
}

/** One end of a connection as its node sees it. */
export interface LaneEnd {
  lane: Lane;
  received(bytes: Uint8Array): void;
  closed(): void;
}

interface Pipe {
  readonly from: LaneEnd;
  readonly to: LaneEnd;
  inFlight: { at: number; bytes: Uint8Array }[];
  inFlightBytes: number;
  /** The chunk whose write has not returned, for want of room. */
  blocked: Uint8Array | null;
  wantsOutput: boolean;
  lastAt: number;
}

export class SimulatedLane {
  readonly #random: Random;
  readonly #conditions: LaneConditions;
  readonly #pipes: readonly [Pipe, Pipe];
  #stalledUntil = 0;
  #isBlackHole = false;
  #closings: { at: number; end: LaneEnd }[] = [];
  #isCut = false;

  constructor(ends: readonly [LaneEnd, LaneEnd], options: { random: Random; conditions: LaneConditions }) {
    this.#random = options.random;
    this.#conditions = options.conditions;
    this.#pipes = [makePipe(ends[0], ends[1]), makePipe(ends[1], ends[0])];
    for (const pipe of this.#pipes) pipe.from.lane.onOutput = () => (pipe.wantsOutput = true);
  }

  get isCut(): boolean {
    return this.#isCut;
  }

  /** Nothing arrives before `until`. */
  stall(until: number): void {
    this.#stalledUntil = Math.max(this.#stalledUntil, until);
  }

  /** Nothing arrives any more, and nobody is told. */
  blackHole(): void {
    this.#isBlackHole = true;
  }

  /** Ends the connection: some of what is in flight arrives, the rest is lost; each end notices in its own time. */
  cut(now: number): void {
    if (this.#isCut) return;
    this.#isCut = true;
    for (const pipe of this.#pipes) {
      let kept = this.#random.between(0, pipe.inFlightBytes);
      for (const piece of pipe.inFlight) {
        piece.bytes = piece.bytes.subarray(0, kept);
        kept -= piece.bytes.length;
      }
      pipe.inFlight = pipe.inFlight.filter((piece) => piece.bytes.length > 0);
      const noticesAfterMs = this.#random.chance(0.2) ? 20_000 : this.#random.between(0, 300);
      this.#closings.push({ at: Math.max(now + noticesAfterMs, pipe.lastAt), end: pipe.to });
    }
  }

  /** When something happens by itself; Infinity when nothing does. */
  nextAt(): number {
    let at = Infinity;
    for (const closing of this.#closings) at = Math.min(at, closing.at);
    if (this.#isBlackHole) return at;
    for (const pipe of this.#pipes) {
      const first = pipe.inFlight[0];
      if (first !== undefined) at = Math.min(at, Math.max(first.at, this.#stalledUntil));
    }
    return at;
  }

  /** Lets what is due arrive. */
  step(now: number): void {
    for (const pipe of this.#pipes) {
      while (!this.#isBlackHole && now >= this.#stalledUntil) {
        const piece = pipe.inFlight[0];
        if (piece === undefined || piece.at > now) break;
        pipe.inFlight.shift();
        pipe.inFlightBytes -= piece.bytes.length;
        pipe.to.received(piece.bytes);
      }
      if (pipe.blocked !== null && pipe.inFlightBytes < this.#conditions.bufferBytes) {
        this.#written(pipe);
        pipe.wantsOutput = true;
      }
    }
    const due = this.#closings.filter((closing) => closing.at <= now);
    this.#closings = this.#closings.filter((closing) => closing.at > now);
    for (const { end } of due) end.closed();
  }

  /** Takes output that the lanes have announced; true when there was any. */
  transmit(now: number): boolean {
    let isAny = false;
    for (const pipe of this.#pipes) {
      if (!pipe.wantsOutput && pipe.blocked === null) {
        assert.equal(pipe.from.lane.pendingOutputBytes, 0, "output that was not announced");
      }
      if (!pipe.wantsOutput || pipe.blocked !== null) continue;
      isAny = true;
      this.#transmit(pipe, now);
    }
    return isAny;
  }

  /** An end that is closed writes no more: gives back the chunk it waits with. */
  writesFail(end: LaneEnd): void {
    for (const pipe of this.#pipes) if (pipe.from === end && pipe.blocked !== null) this.#written(pipe);
  }

  #transmit(pipe: Pipe, now: number): void {
    for (let chunk = pipe.from.lane.takeOutput(now); chunk !== null; chunk = pipe.from.lane.takeOutput(now)) {
      pipe.blocked = chunk;
      if (!this.#isCut) this.#carry(pipe, { bytes: chunk.slice(), now });
      if (pipe.inFlightBytes >= this.#conditions.bufferBytes && !this.#isCut) return;
      this.#written(pipe);
    }
    pipe.wantsOutput = false;
  }

  #written(pipe: Pipe): void {
    const chunk = pipe.blocked;
    if (chunk === null) return;
    pipe.blocked = null;
    pipe.from.lane.outputWritten(chunk);
  }

  /** Puts bytes on their way in pieces of any size. */
  #carry(pipe: Pipe, chunk: { bytes: Uint8Array; now: number }): void {
    const random = this.#random;
    const { latencyMs, jitterMs } = this.#conditions;
    const largest = random.pick([1, 7, 100, 1500, 20_000, 65_536]);
    let at = Math.max(pipe.lastAt, chunk.now + latencyMs + random.between(0, jitterMs));
    for (let start = 0, pieces = 0; start < chunk.bytes.length; pieces++) {
      const length = pieces > 12 ? chunk.bytes.length : random.between(1, largest);
      const bytes = chunk.bytes.slice(start, start + length);
      pipe.inFlight.push({ at, bytes });
      start += bytes.length;
      if (random.chance(0.1)) at += 1;
    }
    pipe.inFlightBytes += chunk.bytes.length;
    pipe.lastAt = at;
  }
}

function makePipe(from: LaneEnd, to: LaneEnd): Pipe {
  return { from, to, inFlight: [], inFlightBytes: 0, blocked: null, wantsOutput: true, lastAt: 0 };
}
