/**
 * One end of a simulated session: a driver that reacts only to what the session's contract promises to announce, and users
 * at random, while every event is checked against the exchange's model.
 */
import assert from "node:assert/strict";
import type { Lane } from "../../../../shared/tunnel/lane.ts";
import type { LaneTraits } from "../../../../shared/tunnel/lane_machine.ts";
import type { RedundancyOptions } from "../../../../shared/tunnel/redundancy.ts";
import { Session } from "../../../../shared/tunnel/session.ts";
import type { SessionEvent } from "../../../../shared/tunnel/session_event.ts";
import type { SessionLimits } from "../../../../shared/tunnel/session_limits.ts";
import type { SessionStream } from "../../../../shared/tunnel/session_stream.ts";
import { ExchangeModel } from "./exchange_model.ts";
import type { Random } from "./random.ts";
import type { LaneEnd } from "./lane_end.ts";
import type { SimulatedLane } from "./simulated_lane.ts";
import { keyOf, randomHead, SimulatedUser } from "./simulated_user.ts";

/** Ways to falsify what the checks see, to prove that they see it. */
export type Tampering = "repeat_data" | "drop_data" | "early_end" | "lose_reset";

export interface NodeOptions {
  role: "edge" | "core";
  random: Random;
  limits: SessionLimits;
  redundancy: RedundancyOptions;
  /** Whether the other end may send copies. */
  peerCopies: boolean;
  exchanges: Map<number, ExchangeModel>;
  now: number;
  tampering: Tampering | null;
}

/** Beyond `maxRetainedBytes`: one head and one chunk of each log that were begun below it, and control frames. */
const RETAINED_SLACK_BYTES = 400_000;
/** Streams that a core takes above the agreed number. */
const STREAM_LIMIT_SLACK = 1024;

export class SimulatedNode {
  readonly session: Session<SimulatedUser>;
  readonly users = new Set<SimulatedUser>();
  /** Set when the session is over. */
  end: SessionEvent<SimulatedUser> | null = null;
  /** Faults have stopped: users finish what they have begun. */
  isFinishing = false;
  readonly #options: NodeOptions;
  readonly #ends = new Map<Lane, { end: LaneEnd; network: SimulatedLane | null }>();
  #now: number;
  #timerAt: number | null;
  #mustDrain = false;

  constructor(options: NodeOptions) {
    const { role, limits, redundancy, now } = options;
    this.#options = options;
    this.#now = now;
    this.session = new Session<SimulatedUser>({ role, limits, redundancy, now });
    this.session.onEvent = () => (this.#mustDrain = true);
    this.session.onTimeoutChange = () => (this.#mustDrain = true);
    this.#timerAt = this.session.nextTimeout();
  }

  get timerAt(): number {
    return this.#timerAt ?? Infinity;
  }

  get lanes(): Lane[] {
    return [...this.#ends.keys()];
  }

  /** Null when the session takes no lane. */
  attach(now: number, traits: LaneTraits): LaneEnd | null {
    this.#now = now;
    const lane = this.session.attachLane(now, traits);
    if (lane === null) return null;
    const end: LaneEnd = {
      lane,
      received: (bytes) => {
        lane.receive(bytes, this.#now);
        this.#drain();
        bytes.fill(0xee);
      },
      receivedDatagram: (bytes) => {
        lane.receiveDatagram(bytes, this.#now);
        this.#drain();
        bytes.fill(0xee);
      },
      closed: () => this.#laneClosed(lane),
    };
    this.#ends.set(lane, { end, network: null });
    this.#drain();
    return end;
  }

  connect(lane: Lane, network: SimulatedLane): void {
    const entry = this.#ends.get(lane);
    if (entry !== undefined) entry.network = network;
  }

  /** Time passes; time-outs that are due happen. */
  advance(now: number): void {
    this.#now = now;
    if (now >= this.timerAt) {
      this.session.handleTimeout(now);
      this.#drain();
      if (this.timerAt <= now) assert.fail("a time-out that is handled stays due: its driver would spin");
    }
    this.drainIfAnnounced();
  }

  drainIfAnnounced(): void {
    if (this.#mustDrain) this.#drain();
  }

  closeSession(): void {
    this.session.close();
    this.#drain();
  }

  goaway(): void {
    this.session.goaway(7);
    this.#drain();
  }

  /** Gives way on a lane, as before closing it. */
  relieve(lane: Lane): void {
    this.session.relieveLane(lane, this.#now);
    this.#drain();
  }

  /** Some user does something, or the edge opens an exchange. */
  act(): void {
    const { role, random } = this.#options;
    if (this.end !== null) return;
    if (role === "edge" && !this.isFinishing && random.chance(0.15)) this.#open();
    if (this.users.size === 0) return;
    const user = random.pick([...this.users]);
    if (!user.act({ isFinishing: this.isFinishing })) this.#leave(user);
  }

  /** What must hold between any two steps; lets go of users that are through. */
  checkBounds(): void {
    const { session } = this;
    const { limits } = this.#options;
    if (session.retainedBytes > limits.maxRetainedBytes + RETAINED_SLACK_BYTES) {
      assert.fail("retained bytes above the bound");
    }
    this.#checkReordered();
    this.#checkLanes();
    let held = 0;
    for (const user of this.users) {
      if (user.isComplete) this.#leave(user);
      held += user.stream.heldBytes;
      if (!user.stream.isClosed && user.heldBytes !== user.stream.heldBytes) {
        assert.fail("sent bytes are misreported");
      }
      if (user.unconsumedBytes >= limits.windowUnits) assert.fail("credit was exceeded");
    }
    if (session.heldBytes < held) assert.fail("held bytes are miscounted");
    if (session.streamCount > limits.maxStreams + STREAM_LIMIT_SLACK) assert.fail("too many streams");
  }

  /** What must hold after the session's last event. */
  checkNothingRetained(): void {
    const { session } = this;
    assert.equal(session.streamCount, 0);
    assert.equal(session.retainedBytes, 0, "frames are retained after the end");
    assert.equal(session.heldBytes, 0);
    assert.equal(session.reorderBytes, 0);
    assert.equal(session.laneCount, 0);
    assert.equal(session.nextTimeout(), null);
    assert.equal(session.nextEvent(), null);
    for (const user of this.users) assert.fail(`exchange ${user.exchange.key} never ended`);
    const { copiesReceived, copiesUseful } = session.stats;
    assert.ok(copiesUseful <= copiesReceived);
    if (!this.#options.peerCopies) assert.equal(copiesReceived, 0, "copies though there are to be none");
  }

  /** Frames wait for their predecessors only where copies came before those: one lane by itself leaves no gap. */
  #checkReordered(): void {
    const { peerCopies, limits } = this.#options;
    const { reorderBytes } = this.session;
    if (!peerCopies && reorderBytes > 0) assert.fail("a lane left a gap");
    if (reorderBytes > limits.maxReorderBytes / 2) assert.fail("copies fill the store");
  }

  #checkLanes(): void {
    const carriers = { nothing: 0, tokens: 0, bulk: 0, both: 0 };
    for (const lane of this.#ends.keys()) {
      if (lane.state === "live") carriers[lane.carries]++;
      const { lossShare } = lane;
      if (lossShare !== null && !(lossShare >= 0 && lossShare <= 1)) assert.fail("a share out of range");
    }
    const expected = this.session.laneCount > 0 ? 1 : 0;
    const { tokens, bulk, both } = carriers;
    if (tokens + both !== expected || bulk + both !== expected) assert.fail("carriers of a log");
  }

  #drain(): void {
    for (let event = this.session.nextEvent(); event !== null; event = this.session.nextEvent()) {
      this.#tamperAndTake(event);
    }
    this.#mustDrain = false;
    this.#timerAt = this.session.nextTimeout();
  }

  #tamperAndTake(event: SessionEvent<SimulatedUser>): void {
    const { tampering } = this.#options;
    if (tampering === "drop_data" && event.kind === "data") return;
    if (tampering === "lose_reset" && event.kind === "reset") return;
    if (tampering === "early_end" && event.kind === "data") {
      this.#take({ kind: "end", stream: event.stream, trailers: new Uint8Array(0) });
    }
    this.#take(event);
    if (tampering === "repeat_data" && event.kind === "data") this.#take(event);
  }

  #take(event: SessionEvent<SimulatedUser>): void {
    if (this.end !== null) assert.fail("an event after the last");
    switch (event.kind) {
      case "open":
        return this.#accept(event.stream, event.head);
      case "informational":
      case "head":
        return event.stream.owner.receives.headReceived(event.head);
      case "data":
        event.stream.owner.receives.bodyReceived(event.bytes);
        event.stream.owner.unconsumedBytes += event.bytes.length;
        return;
      case "end":
        return event.stream.owner.receives.endReceived(event.trailers);
      case "reset":
        return this.#takeReset(event);
      case "sent":
        event.stream.owner.heldBytes -= event.bytes;
        assert.ok(event.stream.owner.heldBytes >= 0, "more bytes sent than held");
        return;
      case "lane_dead":
        return this.#laneClosed(event.lane);
      case "goaway":
      case "carrier":
        return;
      case "redundancy":
        return assert.equal(event.copiesPerFrame, this.session.copiesPerFrame);
      case "closed":
      case "lost":
        this.end = event;
        return;
      case "error":
        assert.fail(`${this.#options.role}: ${event.code}: ${event.message}`);
    }
  }

  #laneClosed(lane: Lane): void {
    const entry = this.#ends.get(lane);
    this.#ends.delete(lane);
    if (entry === undefined) return;
    lane.closed(this.#now);
    entry.network?.writesFail(entry.end);
    entry.network?.cut(this.#now);
    this.#mustDrain = true;
  }

  #open(): void {
    const { exchanges, random } = this.#options;
    const exchange = new ExchangeModel(exchanges.size + 1);
    const user = this.#makeUser(exchange);
    const head = randomHead(random, exchange.key);
    const stream = this.session.openStream(head, user, { isBulk: user.isBulk });
    if (stream === null) return;
    user.begin(stream);
    exchange.request.headSent(head);
    exchanges.set(exchange.key, exchange);
    this.users.add(user);
  }

  #accept(stream: SessionStream<SimulatedUser>, head: Uint8Array): void {
    const exchange = this.#options.exchanges.get(keyOf(head));
    assert.ok(exchange !== undefined, "an exchange that nobody opened");
    exchange.request.headReceived(head);
    const user = this.#makeUser(exchange);
    user.begin(stream);
    stream.owner = user;
    this.users.add(user);
  }

  #makeUser(exchange: ExchangeModel): SimulatedUser {
    const { role, random, limits: { windowUnits } } = this.#options;
    return new SimulatedUser({ role, exchange, random, windowUnits });
  }

  #takeReset(event: Extract<SessionEvent<SimulatedUser>, { kind: "reset" }>): void {
    const { exchange } = event.stream.owner;
    if (event.by === "peer") {
      const expected = this.#options.role === "edge" ? exchange.coreResetCode : exchange.edgeResetCode;
      assert.equal(event.code, expected, "a reset that nobody sent");
    } else if (event.by === "tunnel_lost") assert.equal(this.session.state, "ended");
    this.#leave(event.stream.owner);
  }

  #leave(user: SimulatedUser): void {
    user.leave();
    this.users.delete(user);
  }
}
