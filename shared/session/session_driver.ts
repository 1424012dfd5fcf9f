/**
 * Drives one session: moves bytes between its lanes and their connections, keeps its time-outs, and hands each event
 * to the stream's owner. All protocol lives in `Session`; here are only sockets, one timer and loops.
 *
 * Invariant: no failure of one exchange's code reaches another. An owner that throws ends its own stream; only when the
 * session itself breaks an assertion does the session end.
 */
import type { Clock } from "../clock/clock.ts";
import type { Lane } from "../tunnel/lane.ts";
import type { RedundancyOptions } from "../tunnel/redundancy.ts";
import { Session, type SessionState } from "../tunnel/session.ts";
import type { SessionEvent } from "../tunnel/session_event.ts";
import type { SessionLimits } from "../tunnel/session_limits.ts";
import type { SessionStream } from "../tunnel/session_stream.ts";
import { LaneDriver, type SessionConnection } from "./lane_driver.ts";
import type { StreamOwner } from "./stream_owner.ts";

/** With fewer live streams a write waits for nobody: there is little to join, and each would feel the wait. */
const SHARED_FROM_STREAMS = 8;

/** How a session came to its end. */
export type SessionEnd = Extract<SessionEvent<StreamOwner>, { kind: "closed" | "lost" | "error" }>;

/** What the session decided about its lanes, for logs and metrics. */
export type SessionNotice =
  & Extract<SessionEvent<StreamOwner>, { kind: "carrier" | "redundancy" }>
  & { readonly transport: string | null };

export interface SessionDriverOptions {
  readonly role: "edge" | "core";
  readonly limits: SessionLimits;
  readonly redundancy: RedundancyOptions;
  readonly clock: Clock;
  /** Core: a stream was opened; sets `stream.owner` before it does anything else. Never called on an edge. */
  accept(stream: SessionStream<StreamOwner>, head: Uint8Array): void;
  /** Edge: a stream can be opened again, after {@linkcode SessionDriver.openStream} gave null. */
  onRoom(): void;
  /** A connection of the session ended, whatever the cause; the session may live on. */
  onLaneClosed(lane: LaneDriver, cause: unknown): void;
  /** The peer takes no new streams. */
  onGoaway(): void;
  onNotice(notice: SessionNotice): void;
  /** Our own code failed: the exchange, or the session, that it happened to has ended. For the log. */
  onFault(cause: unknown): void;
  /** Called once; nothing but `onLaneClosed` comes after it. */
  onEnded(end: SessionEnd): void;
}

export class SessionDriver {
  readonly #options: SessionDriverOptions;
  readonly #session: Session<StreamOwner>;
  readonly #lanes = new Map<Lane, LaneDriver>();
  #isDraining = false;
  #isDrainScheduled = false;
  /** A stream was refused for want of room. */
  #isRoomWanted = false;
  #timerAt = Number.POSITIVE_INFINITY;
  #stopTimer = () => {};
  #hasEnded = false;
  readonly #allGone = Promise.withResolvers<void>();

  constructor(options: SessionDriverOptions) {
    this.#options = options;
    this.#session = new Session<StreamOwner>({
      role: options.role,
      limits: options.limits,
      redundancy: options.redundancy,
      now: options.clock.now(),
    });
    this.#session.onEvent = () => this.#scheduleDrain();
    this.#session.onTimeoutChange = () => this.#scheduleDrain();
    this.#armTimer();
  }

  get state(): SessionState {
    return this.#session.state;
  }

  get streamCount(): number {
    return this.#session.streamCount;
  }

  get lanes(): IterableIterator<LaneDriver> {
    return this.#lanes.values();
  }

  get laneCount(): number {
    return this.#lanes.size;
  }

  /** Resolves when the session has ended and its last connection is closed. */
  get gone(): Promise<void> {
    return this.#allGone.promise;
  }

  /** For metrics. */
  get session(): Session<StreamOwner> {
    return this.#session;
  }

  /**
   * Puts a connection whose handshake is done to use; `received` holds what was read behind the handshake.
   * Null (and the connection closed) if the session takes no more lanes.
   */
  addLane(connection: SessionConnection, received: Uint8Array): LaneDriver | null {
    const lane = this.#session.attachLane(this.#options.clock.now(), {
      carriesDatagrams: connection.datagrams !== null,
      // Losses hold up only themselves there, and it takes copies.
      isPreferred: connection.datagrams !== null,
    });
    if (lane === null) {
      connection.close();
      return null;
    }
    const driver = new LaneDriver({
      lane,
      connection,
      isShared: () => this.#session.streamCount >= SHARED_FROM_STREAMS,
      isCopied: () => this.#session.copiesPerFrame > 0,
      relieve: () => this.#session.relieveLane(lane, this.#options.clock.now()),
      clock: this.#options.clock,
      onReceived: () => this.#drain(),
      onClosed: (cause) => this.#laneClosed(driver, cause),
      onFault: (cause) => this.#fail(cause),
    });
    this.#lanes.set(lane, driver);
    driver.start(received);
    this.#scheduleDrain();
    return driver;
  }

  /** Null when the session takes no new stream; see `Session.openStream`. `onRoom` says when to try again. */
  openStream(
    head: Uint8Array,
    owner: StreamOwner,
    { isBulk = false } = {},
  ): SessionStream<StreamOwner> | null {
    const stream = this.#session.openStream(head, owner, { isBulk });
    if (stream === null) this.#isRoomWanted = true;
    return stream;
  }

  /** No new streams; ends when the live ones have. */
  goaway(): void {
    this.#session.goaway(0);
    this.#scheduleDrain();
  }

  /** Ends now; live streams are reset. */
  close(): void {
    this.#session.close();
    this.#scheduleDrain();
  }

  #laneClosed(driver: LaneDriver, cause: unknown): void {
    this.#lanes.delete(driver.lane);
    driver.lane.closed(this.#options.clock.now());
    this.#drain();
    this.#options.onLaneClosed(driver, cause);
    if (this.#hasEnded && this.#lanes.size === 0) this.#allGone.resolve();
  }

  #scheduleDrain(): void {
    if (this.#isDrainScheduled || this.#isDraining) return;
    this.#isDrainScheduled = true;
    queueMicrotask(() => {
      this.#isDrainScheduled = false;
      this.#drain();
    });
  }

  #drain(): void {
    if (this.#isDraining) return;
    this.#isDraining = true;
    try {
      for (let event = this.#session.nextEvent(); event !== null; event = this.#session.nextEvent()) {
        this.#deliver(event);
      }
    } finally {
      this.#isDraining = false;
    }
    this.#armTimer();
    if (!this.#isRoomWanted || !this.#session.hasRoom) return;
    this.#isRoomWanted = false;
    this.#options.onRoom();
  }

  #deliver(event: SessionEvent<StreamOwner>): void {
    if (!("stream" in event)) return this.#deliverOfSession(event);
    try {
      this.#deliverOfStream(event);
    } catch (cause) {
      this.#options.onFault(cause);
      this.#endFaulty(event.stream, cause);
    }
  }

  #deliverOfStream(event: Extract<SessionEvent<StreamOwner>, { stream: unknown }>): void {
    switch (event.kind) {
      case "data":
        return event.stream.owner.onData(event.bytes);
      case "sent":
        return event.stream.owner.onSent(event.bytes);
      case "open":
        return this.#options.accept(event.stream, event.head);
      case "informational":
        return event.stream.owner.onInformational(event.head);
      case "head":
        return event.stream.owner.onHead(event.head);
      case "end":
        return event.stream.owner.onEnd(event.trailers);
      case "reset":
        return event.stream.owner.onReset(event);
    }
  }

  #deliverOfSession(event: Exclude<SessionEvent<StreamOwner>, { stream: unknown }>): void {
    switch (event.kind) {
      case "lane_dead":
        return this.#lanes.get(event.lane)?.fail(new Error("the lane brought no byte for too long"));
      case "goaway":
        return this.#options.onGoaway();
      case "carrier":
        return this.#options.onNotice({
          ...event,
          transport: this.#lanes.get(event.lane)?.transport ?? null,
        });
      case "redundancy":
        return this.#options.onNotice({ ...event, transport: null });
      case "closed":
      case "lost":
      case "error":
        return this.#end(event);
    }
  }

  #endFaulty(stream: SessionStream<StreamOwner>, cause: unknown): void {
    try {
      stream.owner.onFault(cause);
    } catch (second) {
      this.#options.onFault(second);
    }
  }

  /** The session broke one of its own assertions. */
  #fail(cause: unknown): void {
    this.#options.onFault(cause);
    this.close();
  }

  #end(event: SessionEnd): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#stopTimer();
    this.#timerAt = Number.POSITIVE_INFINITY;
    for (const lane of [...this.#lanes.values()]) lane.finish();
    this.#options.onEnded(event);
    if (this.#lanes.size === 0) this.#allGone.resolve();
  }

  #armTimer(): void {
    const at = this.#session.nextTimeout();
    if (at === null || this.#hasEnded || at >= this.#timerAt) return;
    this.#stopTimer();
    this.#timerAt = at;
    const waitMs = Math.max(0, Math.ceil(at - this.#options.clock.now()));
    this.#stopTimer = this.#options.clock.after(waitMs, () => this.#timedOut());
  }

  #timedOut(): void {
    this.#timerAt = Number.POSITIVE_INFINITY;
    try {
      this.#session.handleTimeout(this.#options.clock.now());
    } catch (cause) {
      return this.#fail(cause);
    }
    this.#drain();
  }
}
