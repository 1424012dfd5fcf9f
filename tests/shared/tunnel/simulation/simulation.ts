/**
 * Two real sessions over a simulated network and clock, from one seed: lanes with latency, stalls and cuts, several at once,
 * redialled after a pause; restarts of the core; users at random. First faults, then a time without any in which everything
 * has to finish.
 */
import assert from "node:assert/strict";
import { DEFAULT_SESSION_LIMITS, type SessionLimits } from "../../../../shared/tunnel/session_limits.ts";
import type { ExchangeModel } from "./exchange_model.ts";
import { Random } from "./random.ts";
import { SimulatedLane } from "./simulated_lane.ts";
import { SimulatedNode, type Tampering } from "./simulated_node.ts";

export interface SimulationReport {
  exchanges: number;
  complete: number;
  bytesResent: number;
  laneSwitches: number;
  lostSessions: number;
  restarts: number;
}

/** Simulated time with faults, and how long everything may take afterwards. */
const FAULTS_END_MS = 6_000;
const GRACE_MS = 120_000;

export class Simulation {
  readonly #random: Random;
  readonly #limits: SessionLimits;
  readonly #tampering: Tampering | null;
  readonly #exchanges = new Map<number, ExchangeModel>();
  readonly #report = { bytesResent: 0, laneSwitches: 0, lostSessions: 0, restarts: 0 };
  #now = 0;
  #edge: SimulatedNode;
  #core: SimulatedNode;
  #lanes: SimulatedLane[] = [];
  #wantedLanes: number;
  #dialAt = 0;
  #nextFaultAt: number;
  #hasGoneAway = false;

  constructor(seed: number, tampering: Tampering | null = null) {
    const random = new Random(seed);
    this.#tampering = tampering;
    this.#random = random;
    this.#limits = {
      ...DEFAULT_SESSION_LIMITS,
      maxStreams: random.pick([4, 20, 100]),
      maxRetainedBytes: random.pick([300_000, 1_000_000, 16_000_000]),
    };
    this.#edge = this.#makeNode("edge");
    this.#core = this.#makeNode("core");
    this.#wantedLanes = random.between(1, 3);
    this.#nextFaultAt = random.between(10, 1_000);
  }

  run(): SimulationReport {
    while (this.#now < FAULTS_END_MS) {
      if (this.#now >= this.#nextFaultAt) this.#fault();
      this.#step();
    }
    for (const lane of this.#lanes) lane.cut(this.#now);
    this.#lanes = this.#lanes.filter((lane) => lane.nextAt() < Infinity);
    this.#finish();
    let complete = 0;
    for (const { request, answer } of this.#exchanges.values()) {
      if (request.isEndReceived && answer.isEndReceived) complete++;
    }
    return { exchanges: this.#exchanges.size, complete, ...this.#report };
  }

  #finish(): void {
    const deadline = this.#now + GRACE_MS;
    this.#dialAt = this.#now + (this.#random.chance(0.1) ? this.#limits.resumeTimeoutMs + 1_000 : 0);
    for (;;) {
      this.#edge.isFinishing = this.#core.isFinishing = true;
      this.#step();
      assert.ok(this.#now < deadline, "no progress after the faults");
      const isIdle = this.#edge.users.size === 0 && this.#core.users.size === 0;
      if (!this.#hasGoneAway && isIdle && this.#edge.session.laneCount > 0 && this.#now >= this.#dialAt) {
        this.#hasGoneAway = true;
        this.#random.pick([this.#edge, this.#core]).goaway();
      }
      if (this.#hasGoneAway && this.#edge.end !== null && this.#core.end !== null) break;
    }
    assert.equal(this.#edge.end?.kind, "closed");
    assert.equal(this.#core.end?.kind, "closed");
    this.#retire(this.#edge);
    this.#retire(this.#core);
  }

  #step(): void {
    this.#redial();
    for (const lane of this.#lanes) lane.step(this.#now);
    this.#edge.advance(this.#now);
    this.#core.advance(this.#now);
    for (let i = this.#random.between(0, 4); i > 0; i--) this.#random.pick([this.#edge, this.#core]).act();
    for (let isAny = true; isAny;) {
      isAny = false;
      for (const lane of this.#lanes) if (lane.transmit(this.#now)) isAny = true;
      this.#edge.drainIfAnnounced();
      this.#core.drainIfAnnounced();
    }
    this.#edge.checkBounds();
    this.#core.checkBounds();
    this.#lanes = this.#lanes.filter((lane) => !lane.isCut || lane.nextAt() < Infinity);
    let next = Math.min(this.#now + this.#random.between(1, 30), this.#edge.timerAt, this.#core.timerAt);
    for (const lane of this.#lanes) next = Math.min(next, lane.nextAt());
    this.#now = Math.max(next, this.#now);
    if (next <= this.#now && this.#random.chance(0.05)) this.#now += 1;
  }

  #fault(): void {
    const random = this.#random;
    this.#nextFaultAt = this.#now + random.between(50, 1_500);
    const lane = this.#lanes.length > 0 ? random.pick(this.#lanes) : null;
    const kind = random.between(0, 9);
    if (kind <= 3) lane?.cut(this.#now);
    else if (kind <= 5) lane?.stall(this.#now + random.between(100, 4_000));
    else if (kind === 6) lane?.blackHole();
    else if (kind === 7) this.#wantedLanes = random.between(1, 4);
    else if (kind === 8) {
      const node = random.pick([this.#edge, this.#core]);
      if (node.lanes.length > 0) node.session.preferLane(random.pick(node.lanes));
    } else if (random.chance(0.3)) this.#restartCore();
    if (random.chance(0.03)) this.#dialAt = this.#now + 16_000;
  }

  /** The edge dials until it has the lanes it wants; the handshake finds out whether both ends still have the session. */
  #redial(): void {
    if (this.#now < this.#dialAt) return;
    if (this.#edge.end !== null || this.#core.end !== null) {
      // The last frames of an end that has closed may be on their way.
      if (this.#hasGoneAway && this.#edge.session.laneCount + this.#core.session.laneCount > 0) return;
      if (this.#edge.end?.kind === "closed" && this.#core.end?.kind === "closed") return;
      if (this.#edge.end?.kind === "lost" || this.#core.end?.kind === "lost") this.#report.lostSessions++;
      this.#newSession();
    }
    if (this.#edge.session.laneCount >= this.#wantedLanes) return;
    const random = this.#random;
    this.#dialAt = this.#now + random.between(0, this.#edge.isFinishing ? 300 : 1_500);
    const edgeEnd = this.#edge.attach(this.#now);
    const coreEnd = this.#core.attach(this.#now);
    if (edgeEnd === null || coreEnd === null) {
      edgeEnd?.closed();
      coreEnd?.closed();
      return;
    }
    const conditions = {
      latencyMs: random.between(0, 100),
      jitterMs: random.pick([0, 5, 50]),
      bufferBytes: random.pick([2_000, 65_536, 1_000_000]),
    };
    const lane = new SimulatedLane([edgeEnd, coreEnd], { random, conditions });
    this.#edge.connect(edgeEnd.lane, lane);
    this.#core.connect(coreEnd.lane, lane);
    this.#lanes.push(lane);
  }

  /** The core forgets everything; the edge learns it from the next handshake. */
  #restartCore(): void {
    this.#report.restarts++;
    for (const lane of this.#lanes) lane.cut(this.#now);
    this.#core.closeSession();
    this.#core.users.clear();
  }

  #newSession(): void {
    for (const node of [this.#edge, this.#core]) {
      if (node.end === null) node.closeSession();
      this.#retire(node);
    }
    this.#lanes = [];
    this.#hasGoneAway = false;
    this.#edge = this.#makeNode("edge");
    this.#core = this.#makeNode("core");
  }

  #retire(node: SimulatedNode): void {
    node.checkNothingRetained();
    this.#report.bytesResent += node.session.stats.bytesResent;
    this.#report.laneSwitches += node.session.stats.laneSwitches;
  }

  #makeNode(role: "edge" | "core"): SimulatedNode {
    return new SimulatedNode({
      role,
      random: this.#random,
      limits: this.#limits,
      exchanges: this.#exchanges,
      now: this.#now,
      tampering: this.#tampering,
    });
  }
}
