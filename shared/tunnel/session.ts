/**
 * The session between one edge, which opens streams, and one core, which takes them: any number of lanes carry it, and
 * streams belong to it, not to a lane. Wire format, states and rules: `SPEC.md`.
 *
 * Sans-IO: bytes and times go in by lanes and `handleTimeout`; events and chunks come out. Invariants: what the peer may
 * not have is in the log; what the user gets is in order, once; every store is bounded by `SessionLimits`. One lane at a
 * time sends the log, all are received from. After the session's last event nothing is retained.
 */
import { assert, unreachable } from "../assert/assert.ts";
import { readCreditFrame, writeCreditFrame } from "./credit_frame.ts";
import { EventQueue } from "./event_queue.ts";
import {
  CREDIT,
  GOAWAY,
  isStreamFrameType,
  MAX_CONTROL_FRAME_BYTES,
  MAX_HEAD_BYTES,
  RESET,
  STREAM_DATA,
  STREAM_END,
  STREAM_HEAD,
  STREAM_INFORMATIONAL,
} from "./frame_type.ts";
import { readGoawayFrame, UNTIL_HEARD, writeGoawayFrame } from "./goaway_frame.ts";
import type { Lane } from "./lane.ts";
import type { LaneHost } from "./lane_machine.ts";
import { LaneSet } from "./lane_set.ts";
import { ProtocolViolation } from "./protocol_violation.ts";
import { type StoredFrame, storedFrameCost } from "./reorder_store.ts";
import { readResetFrame, writeResetFrame } from "./reset_frame.ts";
import { SendLog } from "./send_log.ts";
import { SESSION_ERROR_NUMBERS } from "./session_error_code.ts";
import type { SessionEvent, StreamResetEvent } from "./session_event.ts";
import type { SessionLimits } from "./session_limits.ts";
import type { SessionStream } from "./session_stream.ts";
import { Stream, type StreamHost } from "./stream.ts";
import { readStreamFrame, type StreamFrame } from "./stream_frame.ts";
import { StreamScheduler } from "./stream_scheduler.ts";
import { StreamTable } from "./stream_table.ts";
import type { FrameReader } from "./varint.ts";

/** Output of the log that waits before the active lane takes it; what is more stays in the streams. */
const MAX_PENDING_BYTES = 64 * 1024;

/** `draining`: GOAWAY was sent or received; `ended`: the last event is in the queue or fetched. */
export type SessionState = "open" | "draining" | "ended";

export interface SessionOptions {
  role: "edge" | "core";
  limits: SessionLimits;
  now: number;
}

export interface SessionStats {
  streamsOpened: number;
  /** Encoded bytes of frames sent again after a lane died or gave way. */
  bytesResent: number;
  /** Stream frames received and not wanted: sent again, or of a closed stream. */
  framesDropped: number;
  /** Times that another lane became the active one. */
  laneSwitches: number;
}

export class Session<T> {
  /**
   * Called when events appear outside of `receive`, `handleTimeout` and a lane's `closed` (after those the driver drains
   * anyway); must not call back into the session: it schedules a drain.
   */
  onEvent: (() => void) | null = null;
  /** Called when `takeOutput` moved the next time-out up; must not call back. */
  onTimeoutChange: (() => void) | null = null;

  readonly #role: "edge" | "core";
  readonly #limits: SessionLimits;
  readonly #log = new SendLog();
  readonly #events = new EventQueue<T>();
  readonly #scheduler = new StreamScheduler<Stream<T>>();
  readonly #table: StreamTable<T>;
  readonly #streamHost: StreamHost<T>;
  readonly #lanes: LaneSet;
  #streamsOpened = 0;
  #framesDropped = 0;
  #state: SessionState = "open";
  #hasSentGoaway = false;
  #hasReceivedGoaway = false;
  #heldBytes = 0;
  #reorderBytes = 0;
  /** Buffers that queued events borrow from. */
  #spent: Uint8Array[] = [];
  #isTakingInput = false;
  /** Events up to this count borrow from bytes that were received. */
  #borrowingEvents = 0;

  constructor(options: SessionOptions) {
    const { role, limits, now } = options;
    assert(limits.windowUnits >= 2 * MAX_HEAD_BYTES, "half a window holds the largest head");
    this.#role = role;
    this.#limits = limits;
    this.#streamHost = this.#makeStreamHost();
    this.#lanes = new LaneSet({
      host: this.#makeLaneHost(),
      now,
      laneDied: (lane) => this.#push({ kind: "lane_dead", lane }),
    });
    this.#table = new StreamTable({
      role,
      maxStreams: limits.maxStreams,
      create: (id) => {
        this.#streamsOpened++;
        return new Stream<T>(this.#streamHost, { id, role, windowUnits: limits.windowUnits });
      },
    });
  }

  get state(): SessionState {
    return this.#state;
  }

  get streamCount(): number {
    return this.#table.size;
  }

  /** Live lanes. */
  get laneCount(): number {
    return this.#lanes.size;
  }

  /** Encoded bytes of frames that the peer has not acknowledged. */
  get retainedBytes(): number {
    return this.#log.retainedBytes;
  }

  /** Bytes that streams hold for want of credit or room. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Cost of frames that came before their predecessors. */
  get reorderBytes(): number {
    return this.#reorderBytes;
  }

  get stats(): SessionStats {
    return {
      streamsOpened: this.#streamsOpened,
      framesDropped: this.#framesDropped,
      bytesResent: this.#lanes.bytesResent,
      laneSwitches: this.#lanes.switches,
    };
  }

  /** Whether {@linkcode openStream} would open a stream now. */
  get hasRoom(): boolean {
    return this.#state === "open" && !this.#table.isFull && this.#heldBytes < this.#limits.maxHeldBytes &&
      this.#log.retainedBytes < this.#limits.maxRetainedBytes;
  }

  /** Adds a connection whose handshake is done; null when `maxLanes` are attached or the session has ended. */
  attachLane(now: number): Lane | null {
    return this.#state === "ended" ? null : this.#lanes.attach(now);
  }

  /** Makes a live lane the one that sends; what the peer has not acknowledged is sent again on it. */
  preferLane(lane: Lane): void {
    this.#lanes.prefer(lane);
  }

  /** Edge only; null when draining, ended, at `maxStreams`, or when too much waits (back-pressure). */
  openStream(head: Uint8Array, owner: T): SessionStream<T> | null {
    if (!this.hasRoom) return null;
    const stream = this.#table.open();
    stream.owner = owner;
    stream.sendHead(head);
    return stream;
  }

  /** The next event, or null; the bytes of the one before are no longer valid. */
  nextEvent(): SessionEvent<T> | null {
    for (let event = this.#events.shift(); event !== null; event = this.#events.shift()) {
      if (!("stream" in event)) return event;
      const stream = event.stream as Stream<T>;
      if (event.kind === "sent") stream.sentEvent = null;
      if (!stream.isMuted) return event;
    }
    this.#wipeSpent();
    return null;
  }

  /** When `handleTimeout` is to be called, in ms; null when nothing waits for time. */
  nextTimeout(): number | null {
    if (this.#state === "ended") return null;
    const at = this.#lanes.nextTimeout();
    return at === Infinity ? null : at;
  }

  /** Then drain `nextEvent()`. */
  handleTimeout(now: number): void {
    if (this.#state === "ended") return;
    this.#isTakingInput = true;
    if (!this.#lanes.handleTimeout(now)) this.#end({ kind: "lost" }, null);
    this.#isTakingInput = false;
  }

  /**
   * No new streams from now on; on a core, from when the edge hears of it. The session ends with `closed` when the live
   * ones have. `reason` is the user's number.
   */
  goaway(reason: number): void {
    if (this.#state === "ended" || this.#hasSentGoaway) return;
    this.#hasSentGoaway = true;
    this.#state = "draining";
    writeGoawayFrame(this.#log.begin(MAX_CONTROL_FRAME_BYTES), { lastStreamId: this.#table.lastId, reason });
    this.#controlWritten();
  }

  /** Ends the session now: live streams get `reset`, every lane gives CLOSE as its last output. */
  close(): void {
    if (this.#state === "ended") return;
    this.#end({ kind: "closed", by: "local", code: 0 }, 0);
  }

  #makeStreamHost(): StreamHost<T> {
    return {
      log: this.#log,
      directBudget: (bytes) => this.#scheduler.isFreeFor(bytes) ? this.#logRoom() : 0,
      logGrew: () => this.#lanes.active?.signal(),
      heldGrew: (bytes) => void (this.#heldBytes += bytes),
      becameReady: (stream) => {
        this.#scheduler.add(stream);
        this.#fillLog();
      },
      creditGrew: (stream, limit) => this.#sendCredit(stream, limit),
      resetByUser: (stream, code) => {
        this.#cut(stream, "muted");
        writeResetFrame(this.#log.begin(MAX_CONTROL_FRAME_BYTES), { streamId: stream.id, code });
        this.#controlWritten();
      },
      sendFinished: (stream) => this.#closeIfComplete(stream),
    };
  }

  #makeLaneHost(): LaneHost {
    return {
      log: this.#log,
      limits: this.#limits,
      inputBegins: () => {
        assert(
          this.#events.isEmpty || this.#spent.length === 0,
          "events are drained before the next receive",
        );
        this.#isTakingInput = true;
      },
      inputDone: (spent) => {
        this.#isTakingInput = false;
        this.#borrowingEvents = this.#events.addedCount;
        if (spent !== null) this.#spent.push(spent);
      },
      takeSequencedFrame: (type, payload) => this.#takeSequencedFrame(type, payload),
      peerHasAllBefore: (position) => {
        this.#log.acknowledge(position);
        this.#fillLog();
        this.#endIfDone();
      },
      violated: (violation) => this.#fail(violation),
      peerClosed: (code) => this.#end({ kind: "closed", by: "peer", code }, null),
      laneClosed: (lane, now) => this.#lanes.remove(lane, now),
      fillLog: () => this.#fillLog(),
      timeoutMovedUp: () => this.onTimeoutChange?.(),
    };
  }

  /** @throws {ProtocolViolation} */
  #takeSequencedFrame(type: number, payload: FrameReader): void {
    if (isStreamFrameType(type)) return this.#takeStreamFrame(readStreamFrame(payload, type));
    if (type === CREDIT) {
      const { streamId, limit } = readCreditFrame(payload);
      const stream = this.#table.find(streamId, "violation");
      if (stream === null) return;
      stream.sender.raiseLimit(limit);
      if (stream.sender.isReady) this.#streamHost.becameReady(stream);
    } else if (type === RESET) {
      const { streamId, code } = readResetFrame(payload);
      const stream = this.#table.find(streamId, "use_up");
      if (stream !== null) this.#cutByPeer(stream, { code, by: "peer" });
    } else {
      assert(type === GOAWAY, "the splitter lets only known frames through");
      this.#takeGoaway(readGoawayFrame(payload));
    }
  }

  #takeStreamFrame(frame: StreamFrame): void {
    const stream = this.#table.find(frame.streamId, "open");
    const verdict = stream?.receiver.judge(frame) ?? "duplicate";
    if (stream === null || verdict === "duplicate") {
      this.#framesDropped++;
      return;
    }
    if (verdict === "store") {
      this.#reorderBytes += stream.receiver.store(frame);
      if (this.#reorderBytes > this.#limits.maxReorderBytes) {
        throw new ProtocolViolation("reorder_overflow", "too many bytes ahead of their predecessors");
      }
      return;
    }
    this.#deliver(stream, frame);
    for (let stored = stream.receiver.takeStored(); stored !== null; stored = stream.receiver.takeStored()) {
      this.#reorderBytes -= storedFrameCost(stored);
      this.#spent.push(stored.bytes);
      this.#deliver(stream, stored);
    }
    if (stream.receiver.isEnded) this.#closeIfComplete(stream);
  }

  #deliver(stream: Stream<T>, frame: StoredFrame): void {
    const limit = stream.receiver.deliver(frame);
    const { bytes } = frame;
    switch (frame.type) {
      case STREAM_DATA:
        if (bytes.length > 0) this.#push({ kind: "data", stream, bytes });
        break;
      case STREAM_HEAD:
        stream.isAnnounced = true;
        this.#push({ kind: this.#role === "core" ? "open" : "head", stream, head: bytes });
        break;
      case STREAM_INFORMATIONAL:
        this.#push({ kind: "informational", stream, head: bytes });
        break;
      case STREAM_END:
        this.#push({ kind: "end", stream, trailers: bytes });
        break;
      default:
        unreachable(frame.type);
    }
    if (limit !== null) this.#sendCredit(stream, limit);
  }

  #takeGoaway(frame: { lastStreamId: number; reason: number }): void {
    if (this.#hasReceivedGoaway) return;
    const refused = this.#table.peerStopped(frame.lastStreamId);
    this.#hasReceivedGoaway = true;
    this.#state = "draining";
    this.#push({ kind: "goaway", ...frame });
    for (const stream of refused) this.#cutByPeer(stream, { code: 0, by: "goaway" });
    // A core that takes all until we hear of it cannot know which stream was the last.
    if (frame.lastStreamId === UNTIL_HEARD) this.goaway(frame.reason);
    this.#endIfDone();
  }

  #sendCredit(stream: Stream<T>, limit: number): void {
    writeCreditFrame(this.#log.begin(MAX_CONTROL_FRAME_BYTES), { streamId: stream.id, limit });
    this.#controlWritten();
  }

  /** Takes a frame into the log that back-pressure does not stop. */
  #controlWritten(): void {
    this.#log.commit();
    this.#lanes.active?.signal();
    if (this.#log.retainedBytes > 2 * this.#limits.maxRetainedBytes) {
      this.#fail(new ProtocolViolation("retention_overflow", "the peer acknowledges too little"));
    }
  }

  #logRoom(): number {
    const pending = this.#log.endPosition -
      Math.max(this.#lanes.active?.cursor ?? 0, this.#log.ackedPosition);
    return Math.min(MAX_PENDING_BYTES - pending, this.#limits.maxRetainedBytes - this.#log.retainedBytes);
  }

  /** Moves what streams hold into the log, as long as it has room. */
  #fillLog(): void {
    if (this.#scheduler.size === 0) return;
    while (this.#logRoom() > 0) {
      const stream = this.#scheduler.next();
      if (stream === null) break;
      const heldBefore = stream.sender.heldBytes;
      const bytes = stream.sender.moveFrame(this.#log);
      this.#heldBytes -= heldBefore - stream.sender.heldBytes;
      if (bytes > 0) this.#pushSent(stream, bytes);
      if (stream.sender.isReady) this.#scheduler.add(stream);
      else if (stream.sender.isFinished) this.#closeIfComplete(stream);
      this.#lanes.active?.signal();
    }
  }

  #push(event: SessionEvent<T>): void {
    const wasEmpty = this.#events.isEmpty;
    this.#events.push(event);
    if (wasEmpty && !this.#isTakingInput) this.onEvent?.();
  }

  #pushSent(stream: Stream<T>, bytes: number): void {
    if (stream.sentEvent !== null) {
      stream.sentEvent.bytes += bytes;
      return;
    }
    stream.sentEvent = { kind: "sent", stream, bytes };
    this.#push(stream.sentEvent);
  }

  #closeIfComplete(stream: Stream<T>): void {
    if (!stream.sender.isFinished || !stream.receiver.isEnded || stream.isClosed) return;
    stream.close("complete");
    this.#table.remove(stream);
    this.#endIfDone();
  }

  #cut(stream: Stream<T>, state: "cut" | "muted"): void {
    stream.close(state);
    this.#heldBytes -= stream.sender.clear();
    this.#reorderBytes -= stream.receiver.clear();
    this.#scheduler.remove(stream);
    this.#table.remove(stream);
  }

  #cutByPeer(stream: Stream<T>, cause: Pick<StreamResetEvent<T>, "code" | "by">): void {
    this.#cut(stream, "cut");
    if (stream.isAnnounced) this.#push({ kind: "reset", stream, ...cause });
    if (cause.by === "peer") this.#endIfDone();
  }

  #endIfDone(): void {
    if (this.#state !== "draining" || this.#table.size > 0) return;
    if (this.#log.retainedBytes > 0 || !this.#table.isComplete) return;
    this.#end({ kind: "closed", by: "local", code: 0 }, 0);
  }

  #fail(violation: ProtocolViolation): void {
    const { code, message } = violation;
    this.#end({ kind: "error", code, message }, SESSION_ERROR_NUMBERS[code]);
  }

  /** Ends the session once; `closeCode` goes out on every lane, unless it is null. */
  #end(event: SessionEvent<T>, closeCode: number | null): void {
    if (this.#state === "ended") return;
    this.#state = "ended";
    for (const stream of this.#table.values()) this.#cutByPeer(stream, { code: 0, by: "tunnel_lost" });
    this.#lanes.end(closeCode);
    this.#scheduler.clear();
    this.#log.clear();
    this.#push(event);
  }

  #wipeSpent(): void {
    for (const bytes of this.#spent) bytes.fill(0);
    if (this.#spent.length > 0) this.#spent = [];
  }
}
