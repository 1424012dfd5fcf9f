/** An edge and a core whose lanes are joined directly, with a clock that the test turns. */
import type { Lane } from "../../../shared/tunnel/lane.ts";
import { Session } from "../../../shared/tunnel/session.ts";
import { DEFAULT_REDUNDANCY, type RedundancyOptions } from "../../../shared/tunnel/redundancy.ts";
import type { SessionEvent } from "../../../shared/tunnel/session_event.ts";
import { DEFAULT_SESSION_LIMITS, type SessionLimits } from "../../../shared/tunnel/session_limits.ts";
import type { SessionStream } from "../../../shared/tunnel/session_stream.ts";

export type Stream = SessionStream<string>;

/** A connection of the pair. */
export interface JoinedLane {
  readonly edge: Lane;
  readonly core: Lane;
  /** What is sent on it is lost. */
  isBroken: boolean;
  /** Nothing is taken from its stream; datagrams are. */
  isHeld: boolean;
  losesDatagrams: boolean;
  /** Every so many datagrams one is lost; 0: none. */
  losesOneIn: number;
  /** Of the stream and of datagrams, in one direction. */
  delayMs: number;
}

interface Sent {
  readonly bytes: Uint8Array;
  readonly isLost: boolean;
  give(bytes: Uint8Array): void;
}

interface UnderWay {
  readonly at: number;
  arrive(): void;
}

/** Bytes in text form, for short comparisons. */
export function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

export function bytesOf(content: string): Uint8Array {
  return new TextEncoder().encode(content);
}

function describe(event: SessionEvent<string>): string {
  switch (event.kind) {
    case "open":
      event.stream.owner = `core ${event.stream.id}`;
      return `open ${event.stream.id} ${text(event.head)}`;
    case "informational":
    case "head":
      return `${event.kind} ${event.stream.id} ${text(event.head)}`;
    case "data":
      return `data ${event.stream.id} ${event.bytes.length > 20 ? event.bytes.length : text(event.bytes)}`;
    case "end":
      return `end ${event.stream.id} ${text(event.trailers)}`;
    case "reset":
      return `reset ${event.stream.id} ${event.code} ${event.by}`;
    case "sent":
      return `sent ${event.stream.id} ${event.bytes}`;
    case "goaway":
      return `goaway ${event.lastStreamId} ${event.reason}`;
    case "closed":
      return `closed ${event.by} ${event.code}`;
    case "error":
      return `error ${event.code}`;
    case "carrier":
      return `carrier ${event.log} ${event.cause}`;
    case "redundancy":
      return `redundancy ${event.copiesPerFrame}`;
    case "lane_dead":
    case "lost":
      return event.kind;
  }
}

export class SessionPair {
  readonly edge: Session<string>;
  readonly core: Session<string>;
  readonly lanes: JoinedLane[] = [];
  /** Events of each end, described, since they were last taken. */
  readonly edgeEvents: string[] = [];
  readonly coreEvents: string[] = [];
  /** The core's streams by id. */
  readonly coreStreams = new Map<number, Stream>();
  /** When set, data is not consumed. */
  isConsuming = true;
  now = 0;
  /** Ascending by time. */
  #underWay: UnderWay[] = [];
  #datagramsSent = 0;

  constructor(limits: Partial<SessionLimits> = {}, redundancy: Partial<RedundancyOptions> = {}) {
    const all = { ...DEFAULT_SESSION_LIMITS, ...limits };
    const copies = { ...DEFAULT_REDUNDANCY, ...redundancy };
    this.edge = new Session<string>({ role: "edge", limits: all, redundancy: copies, now: 0 });
    this.core = new Session<string>({ role: "core", limits: all, redundancy: copies, now: 0 });
  }

  join({ carriesDatagrams = false, delayMs = 0 } = {}): JoinedLane {
    const traits = { carriesDatagrams, isPreferred: carriesDatagrams };
    const edge = this.edge.attachLane(this.now, traits);
    const core = this.core.attachLane(this.now, traits);
    if (edge === null || core === null) throw new Error("no more lanes");
    const lane = {
      edge,
      core,
      isBroken: false,
      isHeld: false,
      losesDatagrams: false,
      losesOneIn: 0,
      delayMs,
    };
    this.lanes.push(lane);
    return lane;
  }

  /** The connection ends; both ends notice at once. */
  close(lane: JoinedLane): void {
    this.lanes.splice(this.lanes.indexOf(lane), 1);
    lane.edge.closed(this.now);
    lane.core.closed(this.now);
    this.drain();
  }

  open(head: string, { isBulk = false } = {}): Stream {
    const stream = this.edge.openStream(bytesOf(head), "edge", { isBulk });
    if (stream === null) throw new Error("the edge opens no stream");
    return stream;
  }

  coreStream(id: number): Stream {
    const stream = this.coreStreams.get(id);
    if (stream === undefined) throw new Error(`no stream ${id} at the core`);
    return stream;
  }

  /** Moves output until there is none. */
  move(): void {
    for (let isAny = true; isAny;) {
      isAny = false;
      for (const lane of this.lanes) {
        if (this.#carry(lane, lane.edge, lane.core)) isAny = true;
        if (this.#carry(lane, lane.core, lane.edge)) isAny = true;
      }
      this.drain();
    }
  }

  /** Turns the clock, step by step, so that each time-out happens at its time. */
  advance(byMs: number): void {
    const until = this.now + byMs;
    this.move();
    for (;;) {
      const arrivesAt = this.#underWay[0]?.at ?? Infinity;
      const next = Math.min(
        arrivesAt,
        this.edge.nextTimeout() ?? Infinity,
        this.core.nextTimeout() ?? Infinity,
      );
      if (next > until) break;
      this.now = Math.max(this.now, next);
      if (arrivesAt <= this.now) this.#underWay.shift()?.arrive();
      for (const session of [this.edge, this.core]) {
        if ((session.nextTimeout() ?? Infinity) <= this.now) session.handleTimeout(this.now);
      }
      this.move();
    }
    this.now = until;
  }

  drain(): void {
    this.#drain(this.edge, this.edgeEvents);
    this.#drain(this.core, this.coreEvents);
  }

  /** The events of both ends since the last call. */
  takeEvents(): { edge: string[]; core: string[] } {
    this.drain();
    return { edge: this.edgeEvents.splice(0), core: this.coreEvents.splice(0) };
  }

  #carry(lane: JoinedLane, from: Lane, to: Lane): boolean {
    const isAnyDatagram = this.#carryDatagrams(lane, from, to);
    const chunk = lane.isHeld ? null : from.takeOutput(this.now);
    if (chunk === null) return isAnyDatagram;
    this.#send(lane, {
      bytes: chunk.slice(),
      isLost: lane.isBroken,
      give: (bytes) => to.receive(bytes, this.now),
    });
    from.outputWritten(chunk);
    return true;
  }

  #carryDatagrams(lane: JoinedLane, from: Lane, to: Lane): boolean {
    let isAny = false;
    for (
      let bytes = from.takeDatagram(this.now, 1162);
      bytes !== null;
      bytes = from.takeDatagram(this.now, 1162)
    ) {
      isAny = true;
      this.#datagramsSent++;
      const isOneInMany = lane.losesOneIn > 0 && this.#datagramsSent % lane.losesOneIn === 0;
      const isLost = lane.isBroken || lane.losesDatagrams || isOneInMany;
      this.#send(lane, { bytes, isLost, give: (datagram) => to.receiveDatagram(datagram, this.now) });
    }
    return isAny;
  }

  /** Lets bytes arrive, now or later, those of one delay in order; then wipes them, since nothing may borrow from them. */
  #send(lane: JoinedLane, { bytes, isLost, give }: Sent): void {
    const arrive = () => {
      if (!isLost) give(bytes);
      this.drain();
      bytes.fill(0);
    };
    if (lane.delayMs === 0) return arrive();
    const at = this.now + lane.delayMs;
    const index = this.#underWay.findIndex((other) => other.at > at);
    this.#underWay.splice(index < 0 ? this.#underWay.length : index, 0, { at, arrive });
  }

  #drain(session: Session<string>, events: string[]): void {
    for (let event = session.nextEvent(); event !== null; event = session.nextEvent()) {
      if (event.kind === "open") this.coreStreams.set(event.stream.id, event.stream);
      events.push(describe(event));
      if (event.kind === "data" && this.isConsuming) event.stream.consumed(event.bytes.length);
    }
  }
}
