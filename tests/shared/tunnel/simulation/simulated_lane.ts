/**
 * One simulated connection: two ordered byte pipes with latency, a bounded buffer, stalls and re-chunking, that can be cut
 * at any byte with what is in flight lost, and on some lanes datagrams beside them.
 */
import assert from "node:assert/strict";
import type { LaneEnd } from "./lane_end.ts";
import type { Random } from "./random.ts";
import { type DatagramConditions, SimulatedDatagrams } from "./simulated_datagrams.ts";

export interface LaneConditions {
  latencyMs: number;
  jitterMs: number;
  /** Bytes in flight in one direction before the writer has to wait. */
  bufferBytes: number;
  /** Share of the chunks that come a round trip later, with all that is behind them: packets sent again. 0 to 1. */
  lateShare: number;
  /** Null: a lane without datagrams. */
  datagrams: DatagramConditions | null;
}

interface Pipe {
  readonly from: LaneEnd;
  readonly to: LaneEnd;
  readonly datagrams: SimulatedDatagrams | null;
  inFlight: { at: number; bytes: Uint8Array }[];
  inFlightBytes: number;
  /** The chunk whose write has not returned, for want of room. */
  blocked: Uint8Array | null;
  wantsOutput: boolean;
  lastAt: number;
  /** Nothing arrives any more, and nobody is told. */
  isHole: boolean;
}

export class SimulatedLane {
  readonly #random: Random;
  readonly #conditions: LaneConditions;
  readonly #pipes: readonly [Pipe, Pipe];
  #stalledUntil = 0;
  #datagramsLostUntil = 0;
  #closings: { at: number; end: LaneEnd }[] = [];
  #isCut = false;

  constructor(ends: readonly [LaneEnd, LaneEnd], options: { random: Random; conditions: LaneConditions }) {
    this.#random = options.random;
    this.#conditions = options.conditions;
    this.#pipes = [this.#makePipe(ends[0], ends[1]), this.#makePipe(ends[1], ends[0])];
    for (const pipe of this.#pipes) pipe.from.lane.onOutput = () => (pipe.wantsOutput = true);
  }

  get isCut(): boolean {
    return this.#isCut;
  }

  /** Nothing arrives on the stream before `until`. */
  stall(until: number): void {
    this.#stalledUntil = Math.max(this.#stalledUntil, until);
  }

  /** Datagrams that are sent before `until` are lost. */
  loseDatagrams(until: number): void {
    this.#datagramsLostUntil = Math.max(this.#datagramsLostUntil, until);
  }

  /** Nothing arrives any more in one direction, or in both, and nobody is told. */
  blackHole(directions: "both" | "one"): void {
    if (directions === "one") this.#random.pick(this.#pipes).isHole = true;
    else for (const pipe of this.#pipes) pipe.isHole = true;
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
      if (this.#random.chance(0.5)) pipe.datagrams?.drop();
      const noticesAfterMs = this.#random.chance(0.2) ? 20_000 : this.#random.between(0, 300);
      this.#closings.push({ at: Math.max(now + noticesAfterMs, pipe.lastAt), end: pipe.to });
    }
  }

  /** When something happens by itself; Infinity when nothing does. */
  nextAt(now: number): number {
    let at = Infinity;
    for (const closing of this.#closings) at = Math.min(at, closing.at);
    for (const pipe of this.#pipes) {
      const first = pipe.isHole ? undefined : pipe.inFlight[0];
      if (first !== undefined) at = Math.min(at, Math.max(first.at, this.#stalledUntil));
      at = Math.min(at, pipe.datagrams?.nextAt(now) ?? Infinity);
    }
    return at;
  }

  /** Lets what is due arrive. */
  step(now: number): void {
    for (const pipe of this.#pipes) {
      pipe.datagrams?.step(now);
      while (!pipe.isHole && now >= this.#stalledUntil) {
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

  /** Takes output and datagrams that the lanes have announced; true when there was any. */
  transmit(now: number): boolean {
    let isAny = false;
    for (const pipe of this.#pipes) {
      const isLost = pipe.isHole || this.#isCut || now < this.#datagramsLostUntil;
      if (pipe.datagrams?.transmit(now, { isLost })) isAny = true;
      if (!pipe.wantsOutput && pipe.blocked === null && pipe.from.lane.pendingOutputBytes > 0) {
        assert.fail("output that was not announced");
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
    const { latencyMs, jitterMs, lateShare } = this.#conditions;
    const largest = random.pick([1, 7, 100, 1500, 20_000, 65_536]);
    const lateMs = random.chance(lateShare) ? 2 * latencyMs + 10 : 0;
    let at = Math.max(pipe.lastAt, chunk.now + latencyMs + lateMs + random.between(0, jitterMs));
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

  #makePipe(from: LaneEnd, to: LaneEnd): Pipe {
    const { datagrams: conditions } = this.#conditions;
    const random = this.#random;
    return {
      from,
      to,
      datagrams: conditions === null ? null : new SimulatedDatagrams({ from, to, random, conditions }),
      inFlight: [],
      inFlightBytes: 0,
      blocked: null,
      wantsOutput: true,
      lastAt: 0,
      isHole: false,
    };
  }
}
