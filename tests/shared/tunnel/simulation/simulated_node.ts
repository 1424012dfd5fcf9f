/**
 * One end of a simulated session: a driver that reacts only to what the session's contract promises to announce, and users
 * that open, send, consume, end and reset at random, while every event is checked against the exchange's model.
 */
import assert from "node:assert/strict";
import type { Lane } from "../../../../shared/tunnel/lane.ts";
import { Session } from "../../../../shared/tunnel/session.ts";
import type { SessionEvent } from "../../../../shared/tunnel/session_event.ts";
import type { SessionLimits } from "../../../../shared/tunnel/session_limits.ts";
import type { SessionStream } from "../../../../shared/tunnel/session_stream.ts";
import { type DirectionModel, ExchangeModel } from "./exchange_model.ts";
import type { Random } from "./random.ts";
import type { LaneEnd, SimulatedLane } from "./simulated_lane.ts";

/** One side of one exchange. */
interface User {
  readonly exchange: ExchangeModel;
  readonly stream: SessionStream<User>;
  readonly sends: DirectionModel;
  readonly receives: DirectionModel;
  /** Bytes of the body that it means to send. */
  bodyBytes: number;
  /** Bytes handed to `sendData` of which nothing was reported yet. */
  heldBytes: number;
  unconsumedBytes: number;
  isSlow: boolean;
  hasSentHead: boolean;
  isOver: boolean;
}

/** Ways to falsify what the checks see, to prove that they see it. */
export type Tampering = "repeat_data" | "drop_data" | "early_end" | "lose_reset";

export interface NodeOptions {
  role: "edge" | "core";
  random: Random;
  limits: SessionLimits;
  exchanges: Map<number, ExchangeModel>;
  now: number;
  tampering: Tampering | null;
}

const KEY_BYTES = 4;

export class SimulatedNode {
  readonly session: Session<User>;
  readonly users = new Set<User>();
  /** Set when the session is over. */
  end: SessionEvent<User> | null = null;
  /** Faults have stopped: users finish what they have begun. */
  isFinishing = false;
  readonly #options: NodeOptions;
  readonly #ends = new Map<Lane, { end: LaneEnd; network: SimulatedLane | null }>();
  #now: number;
  #timerAt: number | null;
  #mustDrain = false;

  constructor(options: NodeOptions) {
    this.#options = options;
    this.#now = options.now;
    this.session = new Session<User>({ role: options.role, limits: options.limits, now: options.now });
    this.session.onEvent = () => (this.#mustDrain = true);
    this.session.onTimeoutChange = () => this.#armTimer();
    this.#timerAt = this.session.nextTimeout();
  }

  get timerAt(): number {
    return this.#timerAt ?? Infinity;
  }

  get lanes(): Lane[] {
    return [...this.#ends.keys()];
  }

  /** Null when the session takes no lane. */
  attach(now: number): LaneEnd | null {
    this.#now = now;
    const lane = this.session.attachLane(now);
    if (lane === null) return null;
    const end: LaneEnd = {
      lane,
      received: (bytes) => {
        lane.receive(bytes, this.#now);
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

  /** Some user does something, or the edge opens an exchange. */
  act(): void {
    const { role, random } = this.#options;
    if (this.end !== null) return;
    if (role === "edge" && !this.isFinishing && random.chance(0.15)) this.#open();
    const users = [...this.users];
    if (users.length > 0) this.#actAs(random.pick(users));
  }

  /** What must hold between any two steps; lets go of users that are through. */
  checkBounds(): void {
    const { session } = this;
    const { limits } = this.#options;
    assert.ok(session.retainedBytes <= limits.maxRetainedBytes + 400_000, "retained bytes above the bound");
    assert.equal(session.reorderBytes, 0, "a lane left a gap");
    let held = 0;
    for (const user of this.users) {
      if (user.sends.isEnded && user.receives.isEndReceived && user.stream.isClosed) this.#leave(user);
      held += user.stream.heldBytes;
      if (!user.stream.isClosed) {
        assert.equal(user.heldBytes, user.stream.heldBytes, "sent bytes are misreported");
      }
      assert.ok(user.unconsumedBytes < limits.windowUnits, "credit was exceeded");
    }
    assert.ok(session.heldBytes >= held, "held bytes are miscounted");
    assert.ok(session.streamCount <= limits.maxStreams, "too many streams");
  }

  /** What must hold after the session's last event. */
  checkNothingRetained(): void {
    const { session } = this;
    assert.equal(session.streamCount, 0);
    assert.equal(session.retainedBytes, 0);
    assert.equal(session.heldBytes, 0);
    assert.equal(session.reorderBytes, 0);
    assert.equal(session.laneCount, 0);
    assert.equal(session.nextTimeout(), null);
    assert.equal(session.nextEvent(), null);
    for (const user of this.users) assert.fail(`exchange ${user.exchange.key} never ended`);
  }

  #drain(): void {
    for (let event = this.session.nextEvent(); event !== null; event = this.session.nextEvent()) {
      this.#tamperAndTake(event);
    }
    this.#mustDrain = false;
    this.#armTimer();
  }

  #armTimer(): void {
    this.#timerAt = this.session.nextTimeout();
  }

  #tamperAndTake(event: SessionEvent<User>): void {
    const { tampering } = this.#options;
    if (tampering === "drop_data" && event.kind === "data") return;
    if (tampering === "lose_reset" && event.kind === "reset") return;
    if (tampering === "early_end" && event.kind === "data") {
      this.#take({ kind: "end", stream: event.stream, trailers: new Uint8Array(0) });
    }
    this.#take(event);
    if (tampering === "repeat_data" && event.kind === "data") this.#take(event);
  }

  #take(event: SessionEvent<User>): void {
    assert.equal(this.end, null, "an event after the last");
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
        return;
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
    const { random, exchanges } = this.#options;
    const exchange = new ExchangeModel(exchanges.size + 1);
    const head = randomHead(random, exchange.key);
    const bodyBytes = randomBodyBytes(random);
    const user: Partial<User> = makeUser({ exchange, bodyBytes, isSlow: random.chance(0.2), role: "edge" });
    const stream = this.session.openStream(head, user as User);
    if (stream === null) return;
    Object.assign(user, { stream });
    exchange.request.headSent(head);
    exchanges.set(exchange.key, exchange);
    this.users.add(user as User);
  }

  #accept(stream: SessionStream<User>, head: Uint8Array): void {
    const { random, exchanges } = this.#options;
    const key = new DataView(head.buffer, head.byteOffset).getUint32(0);
    const exchange = exchanges.get(key);
    assert.ok(exchange !== undefined, "an exchange that nobody opened");
    exchange.request.headReceived(head);
    const bodyBytes = randomBodyBytes(random);
    const user = makeUser({ exchange, bodyBytes, isSlow: random.chance(0.2), role: "core" });
    Object.assign(user, { stream });
    stream.owner = user as User;
    this.users.add(user as User);
  }

  #actAs(user: User): void {
    const { random, role } = this.#options;
    const consumes = user.unconsumedBytes > 0 && (!user.isSlow || this.isFinishing || random.chance(0.1));
    if (consumes && random.chance(0.7)) {
      const bytes = random.chance(0.5) ? user.unconsumedBytes : random.between(1, user.unconsumedBytes);
      user.unconsumedBytes -= bytes;
      user.stream.consumed(bytes);
    }
    if (!this.isFinishing && random.chance(0.004)) return this.#reset(user);
    if (user.sends.isEnded) return;
    if (role === "core" && !user.hasSentHead) return this.#sendHead(user);
    this.#sendBody(user);
  }

  #reset(user: User): void {
    const code = this.#options.random.between(1, 50);
    if (this.#options.role === "edge") user.exchange.edgeResetCode = code;
    else user.exchange.coreResetCode = code;
    user.stream.reset(code);
    this.#leave(user);
  }

  #sendHead(user: User): void {
    const { random } = this.#options;
    const head = randomHead(random, user.exchange.key);
    user.sends.headSent(head);
    if (random.chance(0.2)) return user.stream.sendInformational(head);
    user.hasSentHead = true;
    user.stream.sendHead(head);
  }

  #sendBody(user: User): void {
    const { random, limits } = this.#options;
    const room = limits.windowUnits - user.heldBytes;
    const left = Math.min(user.bodyBytes - user.sends.sentBytes, room);
    if (left > 0) {
      const length = Math.min(left, random.chance(0.5) ? random.between(1, 300) : random.between(1, 100_000));
      user.heldBytes += length;
      user.heldBytes -= user.stream.sendData(user.sends.nextBody(length));
    } else if (user.sends.sentBytes === user.bodyBytes) {
      const trailers = random.chance(0.5) ? new Uint8Array(0) : randomHead(random, user.exchange.key);
      user.sends.endSent(trailers);
      user.stream.sendEnd(trailers);
    }
  }

  #takeReset(event: Extract<SessionEvent<User>, { kind: "reset" }>): void {
    const { exchange } = event.stream.owner;
    if (event.by === "peer") {
      const expected = this.#options.role === "edge" ? exchange.coreResetCode : exchange.edgeResetCode;
      assert.equal(event.code, expected, "a reset that nobody sent");
    } else if (event.by === "tunnel_lost") assert.equal(this.session.state, "ended");
    this.#leave(event.stream.owner);
  }

  #leave(user: User): void {
    assert.ok(!user.isOver, "two ends of one exchange");
    user.isOver = true;
    this.users.delete(user);
  }
}

function makeUser(
  options: { exchange: ExchangeModel; bodyBytes: number; isSlow: boolean; role: "edge" | "core" },
): Omit<User, "stream"> {
  const { exchange, bodyBytes, isSlow, role } = options;
  return {
    exchange,
    sends: role === "edge" ? exchange.request : exchange.answer,
    receives: role === "edge" ? exchange.answer : exchange.request,
    bodyBytes,
    heldBytes: 0,
    unconsumedBytes: 0,
    isSlow,
    hasSentHead: role === "edge",
    isOver: false,
  };
}

function randomBodyBytes(random: Random): number {
  if (random.chance(0.2)) return 0;
  return random.chance(0.8) ? random.between(1, 5_000) : random.between(5_000, 400_000);
}

function randomHead(random: Random, key: number): Uint8Array {
  const length = random.chance(0.03) ? random.between(60_000, 128 * 1024) : random.between(KEY_BYTES, 600);
  const head = new Uint8Array(length).fill(random.between(0, 255));
  new DataView(head.buffer).setUint32(0, key);
  return head;
}
