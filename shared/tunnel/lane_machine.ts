/**
 * One lane: frames in, chunks and datagrams out, acknowledgement, heartbeat.
 *
 * Sequenced frames live in the session's logs; a lane that carries a log moves the log's cursor. A chunk is a copy, so the
 * log may be released under a write that hangs, and a lane that gives way still completes the frame it has begun.
 */
import { assert } from "../assert/assert.ts";
import type { CarriedLog } from "./carried_log.ts";
import { readCloseFrame, writeCloseFrame } from "./close_frame.ts";
import type { CopySchedule } from "./copy_schedule.ts";
import {
  CLOSE,
  COPY,
  DATAGRAM_REPORT,
  isExtensionType,
  LANE_ACK,
  MAX_CONTROL_FRAME_BYTES,
  PING,
  PONG,
} from "./frame_type.ts";
import { FrameSplitter } from "./frame_splitter.ts";
import { Heartbeat } from "./heartbeat.ts";
import { readLaneAckFrame, writeLaneAckFrame } from "./lane_ack_frame.ts";
import type { Lane } from "./lane.ts";
import { LaneCopies } from "./lane_copies.ts";
import { LaneSegments } from "./lane_segments.ts";
import { LaneSilence } from "./lane_silence.ts";
import { Lateness } from "./lateness.ts";
import { readPingFrame, readPongFrame, writePingFrame, writePongFrame } from "./ping_frame.ts";
import { ProtocolViolation } from "./protocol_violation.ts";
import type { SessionLimits } from "./session_limits.ts";
import { type FrameReader, FrameWriter, varintSize } from "./varint.ts";

const MAX_CHUNK_BYTES = 64 * 1024;
const SMALLEST_BUFFER_BYTES = 4 * 1024;
/** PINGs that wait for their PONG to go out; of more, the latest are answered. */
const MAX_OWED_PONGS = 4;
const MAX_LANE_FRAMES_BYTES = (MAX_OWED_PONGS + 4) * MAX_CONTROL_FRAME_BYTES;
/** Of a chunk, while bulk waits as well: so that tokens go first and bulk is slowed, not starved. */
const MAX_TOKEN_BYTES_BEFORE_BULK = 48 * 1024;

export interface LaneHost {
  readonly limits: SessionLimits;
  readonly copies: CopySchedule;
  /** Bytes come in: until {@linkcode inputDone} the driver need not be told of events. */
  inputBegins(): void;
  /** `spent`: a buffer that events may borrow from, to be wiped after them. */
  inputDone(spent: Uint8Array | null): void;
  /** @throws {ProtocolViolation} */
  takeSequencedFrame(type: number, payload: FrameReader): void;
  /** A copy came before or after what it is a copy of, or alone. @throws {ProtocolViolation} */
  takeCopiedFrame(type: number, payload: FrameReader): void;
  peerHasAllBefore(carried: CarriedLog, position: number): void;
  violated(violation: ProtocolViolation): void;
  peerClosed(code: number): void;
  laneClosed(lane: LaneMachine, now: number): void;
  /** Moves what streams hold into the log, as far as it has room. */
  fillLog(carried: CarriedLog): void;
  timeoutMovedUp(): void;
}

export interface LaneTraits {
  /** Whether the connection takes datagrams beside its stream. */
  readonly carriesDatagrams: boolean;
  /** Chosen before others that measure about the same. */
  readonly isPreferred: boolean;
}

export class LaneMachine implements Lane {
  onOutput: (() => void) | null = null;
  readonly traits: LaneTraits;
  readonly #host: LaneHost;
  readonly #splitter = new FrameSplitter();
  readonly #writer = new FrameWriter();
  readonly #heartbeat: Heartbeat;
  readonly #lateness: Lateness;
  readonly #silence: LaneSilence;
  readonly #copies: LaneCopies;
  #state: "live" | "dead" = "live";
  #isLeaving = false;

  /** Tokens before bulk. */
  #carried: CarriedLog[] = [];
  readonly #segments = new LaneSegments();

  #receivedBytes = 0;
  #reportedBytes = 0;
  #unreportedSince: number | null = null;
  #isAckDue = false;
  #isPingDue = false;
  #owedPongs: Uint8Array[] = [];
  #closeCode: number | null = null;

  /** Bytes of the writer's buffer that were given to the driver, and the chunk that it still has. */
  #takenBytes = 0;
  #chunk: Uint8Array | null = null;
  /** True from a call of {@linkcode onOutput} until `takeOutput` gives null. */
  #isSignalled = false;

  constructor(host: LaneHost, { traits, now }: { traits: LaneTraits; now: number }) {
    this.#host = host;
    this.traits = traits;
    this.#lateness = new Lateness({ ackDelayMs: host.limits.ackDelayMs });
    this.#copies = new LaneCopies({
      schedule: host.copies,
      carriesDatagrams: traits.carriesDatagrams,
      takeCopiedFrame: (type, payload) => host.takeCopiedFrame(type, payload),
      isLive: () => this.#isLive,
    });
    this.#silence = new LaneSilence(host.limits, now);
    this.#heartbeat = new Heartbeat({ intervalMs: host.limits.pingIntervalMs, now });
  }

  get state(): "live" | "dead" {
    return this.#state;
  }

  get carries(): "nothing" | "tokens" | "bulk" | "both" {
    const [first, second] = this.#carried;
    return first === undefined ? "nothing" : second === undefined ? first.name : "both";
  }

  get isStalled(): boolean {
    return this.#silence.isStalled;
  }

  get stalls(): number {
    return this.#silence.stalls;
  }

  get roundTripMs(): number | null {
    return this.#heartbeat.roundTripMs;
  }

  get lossShare(): number | null {
    return this.#copies.lossShare;
  }

  /** Share of late acknowledgements; null: not measured. */
  get lateShare(): number | null {
    return this.#lateness.share;
  }

  get lastReceivedAt(): number {
    return this.#silence.lastReceivedAt;
  }

  /** True while what happened lately speaks against choosing it. */
  isDistrusted(now: number): boolean {
    return this.#silence.isDistrusted(now);
  }

  get pendingOutputBytes(): number {
    let bytes = this.#writer.at - this.#takenBytes;
    for (const { log, cursor } of this.#carried) bytes += Math.max(0, log.endPosition - cursor);
    return bytes + (this.#isLaneFrameDue ? MAX_CONTROL_FRAME_BYTES : 0);
  }

  receive(bytes: Uint8Array, now: number): void {
    if (this.#state === "dead" || bytes.length === 0) return;
    this.#host.inputBegins();
    this.#silence.heard(now);
    try {
      this.#splitter.feed(bytes);
      while (this.#isLive && this.#splitter.next()) this.#takeFrame(now);
    } catch (error) {
      if (!(error instanceof ProtocolViolation)) throw error;
      this.#host.violated(error);
    }
    if (this.#isLive) this.#noteUnreported(now);
    this.#host.inputDone(this.#splitter.takeSpent());
  }

  get onDatagram(): (() => void) | null {
    return this.#copies.onDatagram;
  }

  set onDatagram(callback: (() => void) | null) {
    this.#copies.onDatagram = callback;
  }

  receiveDatagram(bytes: Uint8Array, now: number): void {
    if (this.#state === "dead") return;
    this.#host.inputBegins();
    try {
      this.#copies.receiveDatagram(bytes);
    } catch (error) {
      if (!(error instanceof ProtocolViolation)) throw error;
      this.#host.violated(error);
    }
    if (this.#isLive) this.#noteUnreported(now);
    this.#host.inputDone(null);
  }

  takeDatagram(now: number, maxBytes: number): Uint8Array | null {
    const datagram = this.#copies.takeDatagram(now, maxBytes);
    this.#host.timeoutMovedUp();
    return datagram;
  }

  takeOutput(now: number): Uint8Array | null {
    assert(this.#chunk === null, "takeOutput before outputWritten");
    this.#host.copies.timePasses(now);
    this.#isSignalled = true;
    if (this.#takenBytes === this.#writer.at) this.#fillBuffer(now);
    if (this.#takenBytes === this.#writer.at) {
      this.#isSignalled = false;
      return null;
    }
    const end = Math.min(this.#writer.at, this.#takenBytes + MAX_CHUNK_BYTES);
    this.#chunk = this.#writer.buffer.subarray(this.#takenBytes, end);
    this.#takenBytes = end;
    return this.#chunk;
  }

  outputWritten(chunk: Uint8Array): void {
    assert(chunk === this.#chunk, "not the chunk that was taken");
    this.#chunk = null;
    chunk.fill(0);
    if (this.#takenBytes < this.#writer.at) return;
    this.#takenBytes = this.#writer.at = 0;
    if (this.#state === "dead" || this.#writer.buffer.length > MAX_CHUNK_BYTES) {
      this.#writer.buffer = new Uint8Array(0);
    }
  }

  closed(now: number): void {
    if (this.#state === "dead") return;
    this.kill();
    this.#host.laneClosed(this, now);
  }

  /** For the session: sends the log from where its cursor is. */
  activate(carried: CarriedLog): void {
    this.#carried.push(carried);
    this.#carried.sort((left, right) => right.name.localeCompare(left.name));
    if (carried.cursor < carried.log.endPosition) this.signal();
  }

  /** For the session: another lane carries the log from now on. */
  deactivate(carried: CarriedLog): void {
    this.#carried = this.#carried.filter((other) => other !== carried);
    if (this.#carried.length === 0) this.#silence.forgive();
  }

  markStalled(now: number): void {
    this.#silence.stalled(now);
  }

  /** For the session: its connection is about to be closed. */
  markLeaving(): void {
    this.#isLeaving = true;
  }

  get isLeaving(): boolean {
    return this.#isLeaving;
  }

  /** For the session: copies of these ranks go out here. */
  get copyRanks(): readonly number[] {
    return this.#copies.ranks;
  }

  set copyRanks(ranks: readonly number[]) {
    this.#copies.ranks = ranks;
  }

  /** For the session: the driver knows of copies that are due. */
  get isCopySignalled(): boolean {
    return this.traits.carriesDatagrams ? this.#copies.isSignalled : this.#isSignalled;
  }

  /** For the session: a copy of one of its ranks is due. */
  signalCopies(): void {
    (this.traits.carriesDatagrams ? this.#copies : this).signal();
  }

  /** For the session: nothing more is received or sent. */
  kill(): void {
    this.#die();
    this.#owedPongs = [];
    this.#isAckDue = this.#isPingDue = false;
    this.#closeCode = null;
    this.#receivedBytes = this.#reportedBytes;
    if (this.#chunk === null) this.#writer.buffer.fill(0);
    else this.#writer.buffer.fill(0, this.#takenBytes);
    this.#writer.at = this.#takenBytes;
  }

  /** For the session: nothing more is received; what is still sent is an acknowledgement and CLOSE. */
  endWith(closeCode: number): void {
    this.#die();
    this.#closeCode = closeCode;
    this.signal();
  }

  /** Tells the driver that there is output, unless it knows. */
  signal(): void {
    if (this.#isSignalled || this.onOutput === null) return;
    this.#isSignalled = true;
    this.onOutput();
  }

  /** For the session: shows at once whether the lane is alive. */
  pingNow(): void {
    if (this.#isPingDue) return;
    this.#isPingDue = true;
    this.signal();
    this.#copies.probe();
  }

  /** When the lane counts as silent for too long, or a share of that, while it owes something; null when it owes nothing. */
  stallsAt({ patience = 1 } = {}): number | null {
    if (this.#carried.length === 0) return null;
    return this.#silence.endsAt({ patience, roundTripMs: this.roundTripMs ?? 0 });
  }

  diesAt(): number {
    return this.#silence.diesAt;
  }

  /** When {@linkcode handleTimeout} has something to do. */
  nextTimeout(): number {
    let at = this.diesAt();
    if (!this.#isPingDue) at = Math.min(at, this.#heartbeat.dueAt);
    if (this.#unreportedSince !== null && !this.#isAckDue) {
      at = Math.min(at, this.#unreportedSince + this.#host.limits.ackDelayMs);
    }
    return at;
  }

  handleTimeout(now: number): void {
    if (now >= this.#heartbeat.dueAt) this.pingNow();
    const since = this.#unreportedSince;
    if (since !== null && now >= since + this.#host.limits.ackDelayMs) this.#makeAckDue();
  }

  /** Not narrowed by earlier reads of the state, which frames change. */
  get #isLive(): boolean {
    return this.#state === "live";
  }

  #die(): void {
    this.#state = "dead";
    this.#carried = [];
    this.#silence.forgive();
    this.#segments.clear();
    this.#splitter.clear();
    this.#copies.end();
  }

  #noteUnreported(now: number): void {
    if (this.#copies.isReportDue) this.#makeAckDue();
    const unreportedBytes = this.#receivedBytes - this.#reportedBytes;
    if (unreportedBytes >= this.#host.limits.ackBytes) this.#makeAckDue();
    else if (unreportedBytes > 0) this.#unreportedSince ??= now;
  }

  #makeAckDue(): void {
    if (this.#isAckDue) return;
    this.#isAckDue = true;
    this.signal();
  }

  get #isLaneFrameDue(): boolean {
    return this.#isAckDue || this.#isPingDue || this.#owedPongs.length > 0 || this.#closeCode !== null ||
      this.#copies.isFrameDue;
  }

  #takeFrame(now: number): void {
    const { type, payload, encodedBytes } = this.#splitter;
    switch (type) {
      case LANE_ACK:
        return this.#takeAck(readLaneAckFrame(payload), now);
      case PING:
        if (this.#owedPongs.length === MAX_OWED_PONGS) this.#owedPongs.shift();
        this.#owedPongs.push(readPingFrame(payload).slice());
        return this.signal();
      case PONG:
        return this.#heartbeat.pong(readPongFrame(payload), now);
      case CLOSE:
        return this.#host.peerClosed(readCloseFrame(payload));
      case COPY:
        return this.#copies.receiveCopies(payload);
      case DATAGRAM_REPORT:
        return this.#copies.receiveReport(payload);
    }
    if (isExtensionType(type)) return;
    this.#host.takeSequencedFrame(type, payload);
    this.#receivedBytes += encodedBytes;
  }

  /** @throws {ProtocolViolation} */
  #takeAck(receivedBytes: number, now: number): void {
    const segments = this.#segments;
    if (receivedBytes < segments.ackedBytes || receivedBytes > segments.sentBytes) {
      throw new ProtocolViolation("lane_ack", `${receivedBytes} of ${segments.sentBytes} bytes`);
    }
    this.#lateness.acknowledged(receivedBytes, now);
    this.#silence.acknowledged({ isAll: receivedBytes === segments.sentBytes, now });
    segments.acknowledge(
      receivedBytes,
      (carried, position) => this.#host.peerHasAllBefore(carried, position),
    );
  }

  #fillBuffer(now: number): void {
    let hasFrames = false;
    for (const carried of this.#carried) {
      this.#host.fillLog(carried);
      carried.skipAcknowledged();
      if (carried.cursor < carried.log.endPosition) hasFrames = true;
    }
    if (!hasFrames && !this.#isLaneFrameDue) return;
    this.#takenBytes = this.#writer.at = 0;
    this.#reserve(MAX_LANE_FRAMES_BYTES);
    this.#writeLaneFrames(now);
    if (this.#copies.isFrameDue) this.#writeCopyFrame(now);
    if (hasFrames) this.#copyFrames(now);
  }

  #writeLaneFrames(now: number): void {
    const writer = this.#writer;
    if (this.#receivedBytes > this.#reportedBytes) {
      writeLaneAckFrame(writer, this.#receivedBytes);
      this.#reportedBytes = this.#receivedBytes;
    }
    this.#isAckDue = false;
    this.#unreportedSince = null;
    for (const token of this.#owedPongs) writePongFrame(writer, token);
    if (this.#owedPongs.length > 0) this.#owedPongs = [];
    this.#copies.writeReport(writer, { isPing: this.#isPingDue });
    if (this.#isPingDue) writePingFrame(writer, this.#heartbeat.ping(now));
    this.#isPingDue = false;
    if (this.#closeCode !== null) writeCloseFrame(writer, this.#closeCode);
    this.#closeCode = null;
  }

  #writeCopyFrame(now: number): void {
    const frames = this.#copies.takeFrames(now);
    if (frames.length === 0) return;
    this.#reserve(1 + varintSize(frames.length) + frames.length);
    this.#writer.byte(COPY);
    this.#writer.varint(frames.length);
    this.#writer.bytes(frames);
    this.#copies.framesWritten();
  }

  /** Copies whole frames from the logs: of each about a chunk at the most; what is more than a chunk goes in several. */
  #copyFrames(now: number): void {
    const isShared = this.#carried.length > 1;
    for (const carried of this.#carried) {
      const isFirst = isShared && carried.name === "tokens";
      this.#copyFramesOf(carried, isFirst ? MAX_TOKEN_BYTES_BEFORE_BULK : MAX_CHUNK_BYTES);
    }
    this.#lateness.sent(this.#segments.sentBytes, now);
    if (this.#silence.sent(now)) this.#host.timeoutMovedUp();
  }

  #copyFramesOf(carried: CarriedLog, maxBytes: number): void {
    const { log } = carried;
    let isAny = false;
    for (
      let frames = log.framesFrom(carried.cursor);
      frames !== null;
      frames = log.framesFrom(carried.cursor)
    ) {
      if (isAny && this.#writer.at + frames.length > maxBytes) break;
      this.#reserve(frames.length);
      this.#writer.bytes(frames);
      this.#segments.add(carried, frames.length);
      isAny = true;
    }
  }

  #reserve(bytes: number): void {
    const writer = this.#writer;
    const needed = writer.at + bytes;
    if (needed <= writer.buffer.length) return;
    const doubled = Math.min(MAX_CHUNK_BYTES, Math.max(SMALLEST_BUFFER_BYTES, writer.buffer.length * 2));
    const grown = new Uint8Array(Math.max(needed, doubled));
    grown.set(writer.buffer.subarray(0, writer.at));
    writer.buffer.fill(0, 0, writer.at);
    writer.buffer = grown;
  }
}
