/**
 * One lane: frames in, chunks out, acknowledgement, heartbeat.
 *
 * Sequenced frames live in the session's log; while the lane is active it is a cursor over that log. Positions on the lane
 * (what LANE_ACK counts) and in the log differ by a constant from one activation to the next. A chunk is a copy, so the
 * log may be released under a write that hangs, and a lane that gives way still completes the frame it has begun.
 */
import { assert } from "../assert/assert.ts";
import { readCloseFrame, writeCloseFrame } from "./close_frame.ts";
import { CLOSE, isExtensionType, LANE_ACK, MAX_CONTROL_FRAME_BYTES, PING, PONG } from "./frame_type.ts";
import { FrameSplitter } from "./frame_splitter.ts";
import { Heartbeat } from "./heartbeat.ts";
import { readLaneAckFrame, writeLaneAckFrame } from "./lane_ack_frame.ts";
import type { Lane } from "./lane.ts";
import { readPingFrame, readPongFrame, writePingFrame, writePongFrame } from "./ping_frame.ts";
import { ProtocolViolation } from "./protocol_violation.ts";
import type { SendLog } from "./send_log.ts";
import type { SessionLimits } from "./session_limits.ts";
import { type FrameReader, FrameWriter } from "./varint.ts";

const MAX_CHUNK_BYTES = 64 * 1024;
const SMALLEST_BUFFER_BYTES = 4 * 1024;
/** PINGs that wait for their PONG to go out; of more, the latest are answered. */
const MAX_OWED_PONGS = 4;
const MAX_LANE_FRAMES_BYTES = (MAX_OWED_PONGS + 3) * MAX_CONTROL_FRAME_BYTES;

export interface LaneHost {
  readonly log: SendLog;
  readonly limits: SessionLimits;
  /** Bytes come in: until {@linkcode inputDone} the driver need not be told of events. */
  inputBegins(): void;
  /** `spent`: a buffer that events may borrow from, to be wiped after them. */
  inputDone(spent: Uint8Array | null): void;
  /** @throws {ProtocolViolation} */
  takeSequencedFrame(type: number, payload: FrameReader): void;
  peerHasAllBefore(position: number): void;
  violated(violation: ProtocolViolation): void;
  peerClosed(code: number): void;
  laneClosed(lane: LaneMachine, now: number): void;
  /** Moves what streams hold into the log, as far as it has room. */
  fillLog(): void;
  timeoutMovedUp(): void;
}

export class LaneMachine implements Lane {
  onOutput: (() => void) | null = null;
  readonly #host: LaneHost;
  readonly #splitter = new FrameSplitter();
  readonly #writer = new FrameWriter();
  readonly #heartbeat: Heartbeat;
  #state: "live" | "dead" = "live";
  #lastReceivedAt: number;
  /** True while it gave way for silence and brought nothing since. */
  #isStalled = false;

  #isActive = false;
  /** Next position of the log to send, while active. */
  #cursor = 0;
  /** Encoded bytes of sequenced frames given to this lane, from its start; at the last activation; and acknowledged. */
  #sentBytes = 0;
  #activationSentBytes = 0;
  #ackedBytes = 0;
  /** Position of the log that {@linkcode #activationSentBytes} stands for. */
  #activationPosition = 0;
  /** Since when the peer owes an acknowledgement without progress. */
  #owedSince: number | null = null;

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

  constructor(host: LaneHost, now: number) {
    this.#host = host;
    this.#lastReceivedAt = now;
    this.#heartbeat = new Heartbeat({ intervalMs: host.limits.pingIntervalMs, now });
  }

  get state(): "live" | "dead" {
    return this.#state;
  }

  get isActive(): boolean {
    return this.#isActive;
  }

  get isStalled(): boolean {
    return this.#isStalled;
  }

  get roundTripMs(): number | null {
    return this.#heartbeat.roundTripMs;
  }

  get lastReceivedAt(): number {
    return this.#lastReceivedAt;
  }

  get cursor(): number {
    return this.#cursor;
  }

  get pendingOutputBytes(): number {
    const log = this.#isActive ? Math.max(0, this.#host.log.endPosition - this.#cursor) : 0;
    return this.#writer.at - this.#takenBytes + log + (this.#isLaneFrameDue ? MAX_CONTROL_FRAME_BYTES : 0);
  }

  receive(bytes: Uint8Array, now: number): void {
    if (this.#state === "dead" || bytes.length === 0) return;
    this.#host.inputBegins();
    this.#lastReceivedAt = now;
    this.#isStalled = false;
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

  takeOutput(now: number): Uint8Array | null {
    assert(this.#chunk === null, "takeOutput before outputWritten");
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

  /** For the session: sends the log from `position`, a frame's first. */
  activate(position: number): void {
    this.#isActive = true;
    this.#cursor = position;
    this.#activationPosition = position;
    this.#activationSentBytes = this.#sentBytes;
    this.#owedSince = null;
    if (position < this.#host.log.endPosition) this.signal();
  }

  /** For the session: another lane carries the log from now on. */
  deactivate(): void {
    this.#isActive = false;
    this.#owedSince = null;
  }

  markStalled(): void {
    this.#isStalled = true;
  }

  /** For the session: nothing more is received or sent. */
  kill(): void {
    this.#state = "dead";
    this.deactivate();
    this.#splitter.clear();
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
    this.#state = "dead";
    this.deactivate();
    this.#splitter.clear();
    this.#closeCode = closeCode;
    this.signal();
  }

  /** Tells the driver that there is output, unless it knows. */
  signal(): void {
    if (this.#isSignalled || this.onOutput === null) return;
    this.#isSignalled = true;
    this.onOutput();
  }

  /** When the lane counts as silent for too long while it owes something; null when it owes nothing. */
  stallsAt(): number | null {
    if (!this.#isActive || this.#owedSince === null) return null;
    const { laneStallTimeoutMs, ackDelayMs } = this.#host.limits;
    const patienceMs = Math.max(laneStallTimeoutMs, 3 * (this.roundTripMs ?? 0) + ackDelayMs);
    return Math.max(this.#owedSince, this.#lastReceivedAt) + patienceMs;
  }

  diesAt(): number {
    return this.#lastReceivedAt + this.#host.limits.laneTimeoutMs;
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
    if (!this.#isPingDue && now >= this.#heartbeat.dueAt) {
      this.#isPingDue = true;
      this.signal();
    }
    const since = this.#unreportedSince;
    if (since !== null && now >= since + this.#host.limits.ackDelayMs) this.#makeAckDue();
  }

  /** Not narrowed by earlier reads of the state, which frames change. */
  get #isLive(): boolean {
    return this.#state === "live";
  }

  #noteUnreported(now: number): void {
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
    return this.#isAckDue || this.#isPingDue || this.#owedPongs.length > 0 || this.#closeCode !== null;
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
    }
    if (isExtensionType(type)) return;
    this.#host.takeSequencedFrame(type, payload);
    this.#receivedBytes += encodedBytes;
  }

  #takeAck(receivedBytes: number, now: number): void {
    if (receivedBytes < this.#ackedBytes || receivedBytes > this.#sentBytes) {
      throw new ProtocolViolation("lane_ack", `${receivedBytes} of ${this.#sentBytes} bytes`);
    }
    this.#ackedBytes = receivedBytes;
    if (this.#owedSince !== null) this.#owedSince = receivedBytes === this.#sentBytes ? null : now;
    const sinceActivation = receivedBytes - this.#activationSentBytes;
    if (sinceActivation > 0) this.#host.peerHasAllBefore(this.#activationPosition + sinceActivation);
  }

  #fillBuffer(now: number): void {
    const { log } = this.#host;
    if (this.#isActive) {
      this.#host.fillLog();
      // A lane that gave way may still bring acknowledgements of what this one would send again.
      if (log.ackedPosition > this.#cursor) this.activate(log.firstUnackedFrame());
    }
    const hasFrames = this.#isActive && this.#cursor < log.endPosition;
    if (!hasFrames && !this.#isLaneFrameDue) return;
    this.#takenBytes = this.#writer.at = 0;
    this.#reserve(MAX_LANE_FRAMES_BYTES);
    this.#writeLaneFrames(now);
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
    if (this.#isPingDue) writePingFrame(writer, this.#heartbeat.ping(now));
    this.#isPingDue = false;
    if (this.#closeCode !== null) writeCloseFrame(writer, this.#closeCode);
    this.#closeCode = null;
  }

  /** Copies whole frames from the log, up to one chunk; a single frame above that goes in several chunks. */
  #copyFrames(now: number): void {
    const { log } = this.#host;
    const start = this.#cursor;
    for (let frames = log.framesFrom(start); frames !== null; frames = log.framesFrom(this.#cursor)) {
      if (this.#cursor > start && this.#writer.at + frames.length > MAX_CHUNK_BYTES) break;
      this.#reserve(frames.length);
      this.#writer.bytes(frames);
      this.#cursor += frames.length;
    }
    this.#sentBytes += this.#cursor - start;
    if (this.#owedSince === null) {
      this.#owedSince = now;
      this.#host.timeoutMovedUp();
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
