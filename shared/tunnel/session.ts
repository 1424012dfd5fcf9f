/**
 * The session between one edge, which opens streams, and one core, which takes them: any number of lanes carry it, and
 * streams belong to it, not to a lane. Wire format, states and rules: `SPEC.md`.
 *
 * Sans-IO: bytes and times go in by lanes and `handleTimeout`; events, chunks and datagrams come out. Invariants: what the
 * peer may not have is in a log; what the user gets is in order, once; every store is bounded by `SessionLimits`. One lane at
 * a time sends a log, all are received from. After the session's last event nothing is retained.
 */
import { assert, unreachable } from "../assert/assert.ts";
import { CopySchedule } from "./copy_schedule.ts";
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
import type { LaneHost, LaneTraits } from "./lane_machine.ts";
import { LaneSet } from "./lane_set.ts";
import { ProtocolViolation } from "./protocol_violation.ts";
import { type StoredFrame, storedFrameCost } from "./reorder_store.ts";
import { readResetFrame, type ResetFrame, writeResetFrame } from "./reset_frame.ts";
import type { PathReading, RedundancyOptions } from "./redundancy.ts";
import { SendQueues } from "./send_queues.ts";
import { SESSION_ERROR_NUMBERS } from "./session_error_code.ts";
import type { SessionEvent, StreamResetEvent } from "./session_event.ts";
import type { SessionLimits } from "./session_limits.ts";
import type { SessionStream } from "./session_stream.ts";
import { Stream, type StreamHost } from "./stream.ts";
import { readStreamFrame, type StreamFrame } from "./stream_frame.ts";
import { StreamTable } from "./stream_table.ts";
import type { FrameReader } from "./varint.ts";

/** `draining`: GOAWAY was sent or received; `ended`: the last event is in the queue or fetched. */
export type SessionState = "open" | "draining" | "ended";

export interface SessionOptions {
  role: "edge" | "core";
  limits: SessionLimits;
  redundancy: RedundancyOptions;
  now: number;
}

export interface SessionStats {
  streamsOpened: number;
  /** Encoded bytes of frames sent again after a lane died or gave way. */
  bytesResent: number;
  /** Stream frames received and not wanted: sent again, or of a closed stream; copies aside. */
  framesDropped: number;
  /** Times that another lane came to carry a log. */
  carrierChanges: number;
  copiesSent: number;
  copyBytesSent: number;
  copiesReceived: number;
  /** Copies that came before what they are copies of. */
  copiesUseful: number;
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
  readonly #sending: SendQueues<T>;
  readonly #copies: CopySchedule;
  readonly #events = new EventQueue<T>();
  readonly #table: StreamTable<T>;
  readonly #streamHost: StreamHost<T>;
  readonly #lanes: LaneSet;
  #streamsOpened = 0;
  #framesDropped = 0;
  #copiesReceived = 0;
  #copiesUseful = 0;
  #state: SessionState = "open";
  #hasSentGoaway = false;
  #hasReceivedGoaway = false;
  #reorderBytes = 0;
  /** Buffers that queued events borrow from. */
  #spent: Uint8Array[] = [];
  #isTakingInput = false;

  constructor(options: SessionOptions) {
    const { role, limits, now } = options;
    assert(limits.windowUnits >= 2 * MAX_HEAD_BYTES, "half a window holds the largest head");
    this.#role = role;
    this.#limits = limits;
    this.#sending = new SendQueues<T>({
      limits,
      logGrew: (carried) => this.#lanes.signal(carried),
      sent: (stream, bytes) => this.#pushSent(stream, bytes),
      sendFinished: (stream) => this.#closeIfComplete(stream),
    });
    this.#streamHost = this.#makeStreamHost();
    this.#copies = new CopySchedule({
      role,
      log: this.#sending.tokens.log,
      redundancy: options.redundancy,
      onDue: () => this.#lanes.signalCopies(0),
    });
    this.#lanes = new LaneSet({
      host: this.#makeLaneHost(),
      now,
      logs: this.#sending,
      laneDied: (lane) => this.#push({ kind: "lane_dead", lane }),
      carrierChanged: (change) => this.#push({ kind: "carrier", ...change }),
      looked: (at) => this.#measure(at),
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
    return this.#sending.retainedBytes;
  }

  /** Copies that each small frame gets now; 0: none. */
  get copiesPerFrame(): number {
    return this.#copies.copiesPerFrame;
  }

  /** Bytes that streams hold for want of credit or room. */
  get heldBytes(): number {
    return this.#sending.heldBytes;
  }

  /** Cost of frames that came before their predecessors. */
  get reorderBytes(): number {
    return this.#reorderBytes;
  }

  get stats(): SessionStats {
    return {
      streamsOpened: this.#streamsOpened,
      framesDropped: this.#framesDropped,
      bytesResent: this.#sending.bytesResent,
      carrierChanges: this.#lanes.carrierChanges,
      copiesSent: this.#copies.copiesSent,
      copyBytesSent: this.#copies.copyBytesSent,
      copiesReceived: this.#copiesReceived,
      copiesUseful: this.#copiesUseful,
    };
  }

  /** Whether {@linkcode openStream} would open a stream now. */
  get hasRoom(): boolean {
    return this.#state === "open" && !this.#table.isFull && this.heldBytes < this.#limits.maxHeldBytes &&
      this.retainedBytes < this.#limits.maxRetainedBytes;
  }

  /** Adds a connection whose handshake is done; null when `maxLanes` are attached or the session has ended. */
  attachLane(now: number, traits: LaneTraits): Lane | null {
    return this.#state === "ended" ? null : this.#lanes.attach(traits, now);
  }

  /** The lane is about to be closed: what it carries goes to another, if there is one. */
  relieveLane(lane: Lane, now: number): void {
    const found = this.#lanes.all.find((other) => other === lane);
    if (found !== undefined) this.#lanes.relieve(found, now);
  }

  /**
   * Edge only; null when draining, ended, at `maxStreams`, or when too much waits (back-pressure). `isBulk`: a large body is
   * to follow at once.
   */
  openStream(head: Uint8Array, owner: T, { isBulk = false } = {}): SessionStream<T> | null {
    if (!this.hasRoom) return null;
    const stream = this.#table.open();
    stream.owner = owner;
    stream.sendHead(head, isBulk);
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
    writeGoawayFrame(this.#sending.tokens.log.begin(MAX_CONTROL_FRAME_BYTES), {
      lastStreamId: this.#table.lastId,
      reason,
    });
    this.#controlWritten();
  }

  /** Ends the session now: live streams get `reset`, every lane gives CLOSE as its last output. */
  close(): void {
    if (this.#state === "ended") return;
    this.#end({ kind: "closed", by: "local", code: 0 }, 0);
  }

  #makeStreamHost(): StreamHost<T> {
    const sending = this.#sending;
    return {
      firstLog: sending.tokens,
      chooseLog: (stream, piece) => sending.chooseLog(stream, piece),
      directBudget: (stream, bytes) => sending.directBudget(stream, bytes),
      logGrew: (carried) => this.#lanes.signal(carried),
      heldGrew: (bytes) => void (sending.heldBytes += bytes),
      becameReady: (stream) => sending.becameReady(stream),
      creditGrew: (stream, limit) => this.#sendCredit(stream, limit),
      resetByUser: (stream, code) => {
        this.#cut(stream, "muted");
        writeResetFrame(this.#sending.tokens.log.begin(MAX_CONTROL_FRAME_BYTES), {
          streamId: stream.id,
          code,
        });
        this.#controlWritten();
      },
      sendFinished: (stream) => this.#closeIfComplete(stream),
    };
  }

  #makeLaneHost(): LaneHost {
    return {
      limits: this.#limits,
      copies: this.#copies,
      inputBegins: () => {
        assert(
          this.#events.isEmpty || this.#spent.length === 0,
          "events are drained before the next receive",
        );
        this.#isTakingInput = true;
      },
      inputDone: (spent) => {
        this.#isTakingInput = false;
        if (spent !== null) this.#spent.push(spent);
      },
      takeSequencedFrame: (type, payload) => this.#takeSequencedFrame(type, payload),
      takeCopiedFrame: (type, payload) => this.#takeCopiedFrame(type, payload),
      peerHasAllBefore: (carried, position) => {
        this.#sending.acknowledge(carried, position);
        this.#endIfDone();
      },
      violated: (violation) => this.#fail(violation),
      peerClosed: (code) => this.#end({ kind: "closed", by: "peer", code }, null),
      laneClosed: (lane, now) => this.#lanes.remove(lane, now),
      fillLog: (carried) => this.#sending.fill(carried),
      timeoutMovedUp: () => this.onTimeoutChange?.(),
    };
  }

  /** @throws {ProtocolViolation} */
  #takeSequencedFrame(type: number, payload: FrameReader): void {
    if (isStreamFrameType(type)) return this.#takeStreamFrame(readStreamFrame(payload, type));
    if (type === RESET) return this.#takeReset(readResetFrame(payload));
    if (type === CREDIT) {
      const { streamId, limit } = readCreditFrame(payload);
      const stream = this.#table.find(streamId, "violation");
      if (stream === null) return;
      stream.sender.raiseLimit(limit);
      if (stream.sender.isReady) this.#streamHost.becameReady(stream);
    } else {
      assert(type === GOAWAY, "the splitter lets only known frames through");
      this.#takeGoaway(readGoawayFrame(payload));
    }
  }

  /** @throws {ProtocolViolation} */
  #takeStreamFrame(frame: StreamFrame): void {
    const stream = this.#table.find(frame.streamId, "open");
    const verdict = stream?.receiver.judge(frame) ?? "duplicate";
    if (stream === null || verdict === "duplicate") {
      this.#framesDropped++;
      return;
    }
    if (verdict === "deliver") return this.#deliverAll(stream, frame);
    this.#reorderBytes += stream.receiver.store(frame);
    if (this.#reorderBytes > this.#limits.maxReorderBytes) {
      throw new ProtocolViolation("reorder_overflow", "too many bytes ahead of their predecessors");
    }
  }

  /** A copy may come at any time and is worth no room that frames may need. @throws {ProtocolViolation} */
  #takeCopiedFrame(type: number, payload: FrameReader): void {
    this.#copiesReceived++;
    if (type === RESET && this.#role === "core") {
      const reset = readResetFrame(payload);
      if (this.#table.isOpenToCopies(reset.streamId)) this.#takeReset(reset);
      return;
    }
    if (!isStreamFrameType(type)) throw new ProtocolViolation("unknown_frame", "a copy of no stream frame");
    const frame = readStreamFrame(payload, type);
    if (this.#role === "core" && !this.#table.isOpenToCopies(frame.streamId)) return;
    const stream = this.#table.find(frame.streamId, "open");
    const verdict = stream?.receiver.judge(frame) ?? "duplicate";
    if (stream === null || verdict === "duplicate") return;
    if (verdict === "deliver") {
      this.#copiesUseful++;
      return this.#deliverAll(stream, frame);
    }
    if (this.#reorderBytes + storedFrameCost(frame) > this.#limits.maxReorderBytes / 2) return;
    if (!stream.receiver.hasStoreRoom) return;
    const cost = stream.receiver.store(frame);
    this.#reorderBytes += cost;
    if (cost > 0) this.#copiesUseful++;
  }

  /** A frame that is due, and what is stored behind it. @throws {ProtocolViolation} */
  #deliverAll(stream: Stream<T>, frame: StreamFrame): void {
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

  /** @throws {ProtocolViolation} */
  #takeReset({ streamId, code }: ResetFrame): void {
    const stream = this.#table.find(streamId, "use_up");
    if (stream !== null) this.#cutByPeer(stream, { code, by: "peer" });
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
    writeCreditFrame(this.#sending.tokens.log.begin(MAX_CONTROL_FRAME_BYTES), { streamId: stream.id, limit });
    this.#controlWritten();
  }

  /** Takes a frame into the tokens log that back-pressure does not stop. */
  #controlWritten(): void {
    this.#sending.tokens.log.commit();
    this.#lanes.signal(this.#sending.tokens);
    if (this.retainedBytes > 2 * this.#limits.maxRetainedBytes) {
      this.#fail(new ProtocolViolation("retention_overflow", "the peer acknowledges too little"));
    }
  }

  /** The number of copies follows what the lanes have measured. */
  #measure(now: number): void {
    const reading: PathReading = this.#lanes.read();
    if (!this.#copies.measured(reading, now)) return;
    const { copiesPerFrame } = this.#copies;
    this.#push({ kind: "redundancy", copiesPerFrame, lossShare: reading.lossShare });
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
    this.#sending.heldBytes -= stream.sender.clear();
    this.#reorderBytes -= stream.receiver.clear();
    this.#sending.remove(stream);
    this.#table.remove(stream);
  }

  #cutByPeer(stream: Stream<T>, cause: Pick<StreamResetEvent<T>, "code" | "by">): void {
    this.#cut(stream, "cut");
    if (stream.isAnnounced) this.#push({ kind: "reset", stream, ...cause });
    if (cause.by === "peer") this.#endIfDone();
  }

  #endIfDone(): void {
    if (this.#state !== "draining" || this.#table.size > 0) return;
    if (this.retainedBytes > 0 || !this.#table.isComplete) return;
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
    this.#copies.clear();
    this.#sending.clear();
    this.#push(event);
  }

  #wipeSpent(): void {
    for (const bytes of this.#spent) bytes.fill(0);
    if (this.#spent.length > 0) this.#spent = [];
  }
}
