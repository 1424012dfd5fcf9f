/**
 * Two real sessions over a simulated network and clock, from one seed: lanes with latency, stalls and cuts, several at once,
 * some with datagrams that are lost, late and out of order; lanes redialled after a pause; restarts of the core, drains; users
 * at random. First faults, then a time without any in which everything has to finish.
 */
import assert from "node:assert/strict";
import type { RedundancyOptions } from "../../../../shared/tunnel/redundancy.ts";
import { DEFAULT_SESSION_LIMITS, type SessionLimits } from "../../../../shared/tunnel/session_limits.ts";
import type { ExchangeModel } from "./exchange_model.ts";
import { Random } from "./random.ts";
import { type LaneConditions, SimulatedLane } from "./simulated_lane.ts";
import { SimulatedNode, type Tampering } from "./simulated_node.ts";

/** Which lanes the edge dials: those with datagrams, those without, or either by chance. */
export type LaneMix = "datagram" | "stream" | "mixed";

export interface SimulationOptions {
  readonly seed: number;
  readonly lanes: LaneMix;
  readonly tampering?: Tampering;
}

export interface SimulationReport {
  exchanges: number;
  complete: number;
  bytesResent: number;
  framesDropped: number;
  carrierChanges: number;
  copiesSent: number;
  copiesUseful: number;
  lostSessions: number;
  restarts: number;
  drains: number;
}

export const EMPTY_REPORT: SimulationReport = {
  exchanges: 0,
  complete: 0,
  bytesResent: 0,
  framesDropped: 0,
  carrierChanges: 0,
  copiesSent: 0,
  copiesUseful: 0,
  lostSessions: 0,
  restarts: 0,
  drains: 0,
};

/** Simulated time with faults, and how long everything may take afterwards. */
const FAULTS_END_MS = 6_000;
const GRACE_MS = 120_000;

export class Simulation {
  readonly #options: SimulationOptions;
  readonly #random: Random;
  readonly #limits: SessionLimits;
  readonly #redundancy: Record<"edge" | "core", RedundancyOptions>;
  readonly #exchanges = new Map<number, ExchangeModel>();
  readonly #report = { ...EMPTY_REPORT };
  #now = 0;
  #edge: SimulatedNode;
  #core: SimulatedNode;
  #lanes: SimulatedLane[] = [];
  #wantedLanes: number;
  #dialAt = 0;
  #nextFaultAt: number;
  /** A node of the session of now has said that it ends. */
  #isDraining = false;

  constructor(options: SimulationOptions) {
    const random = new Random(options.seed);
    this.#options = options;
    this.#random = random;
    this.#limits = {
      ...DEFAULT_SESSION_LIMITS,
      maxStreams: random.pick([4, 20, 100]),
      maxRetainedBytes: random.pick([300_000, 1_000_000, 16_000_000]),
      maxReorderBytes: random.pick([5_000, 200_000, 16_000_000]),
    };
    this.#redundancy = { edge: randomRedundancy(random), core: randomRedundancy(random) };
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
    this.#dropGoneLanes();
    this.#finish();
    this.#report.exchanges = this.#exchanges.size;
    for (const { request, answer } of this.#exchanges.values()) {
      if (request.isEndReceived && answer.isEndReceived) this.#report.complete++;
    }
    return this.#report;
  }

  #finish(): void {
    const deadline = this.#now + GRACE_MS;
    this.#dialAt = this.#now + (this.#random.chance(0.1) ? this.#limits.resumeTimeoutMs + 1_000 : 0);
    while (this.#edge.end?.kind !== "closed" || this.#core.end?.kind !== "closed") {
      this.#edge.isFinishing = this.#core.isFinishing = true;
      this.#step();
      if (this.#now >= deadline) assert.fail("no progress after the faults");
      const isIdle = this.#edge.users.size === 0 && this.#core.users.size === 0;
      if (!this.#isDraining && isIdle && this.#edge.session.laneCount > 0 && this.#now >= this.#dialAt) {
        this.#drain();
      }
    }
    this.#retire(this.#edge);
    this.#retire(this.#core);
  }

  #step(): void {
    const random = this.#random;
    this.#redial();
    for (const lane of this.#lanes) lane.step(this.#now);
    this.#edge.advance(this.#now);
    this.#core.advance(this.#now);
    for (let i = random.between(0, 4); i > 0; i--) random.pick([this.#edge, this.#core]).act();
    for (let isAny = true; isAny;) {
      isAny = false;
      for (const lane of this.#lanes) if (lane.transmit(this.#now)) isAny = true;
      this.#edge.drainIfAnnounced();
      this.#core.drainIfAnnounced();
    }
    this.#edge.checkBounds();
    this.#core.checkBounds();
    this.#dropGoneLanes();
    let next = Math.min(this.#now + random.between(1, 30), this.#edge.timerAt, this.#core.timerAt);
    for (const lane of this.#lanes) next = Math.min(next, lane.nextAt(this.#now));
    this.#now = Math.max(next, this.#now);
    if (next <= this.#now && random.chance(0.05)) this.#now += 1;
  }

  #dropGoneLanes(): void {
    this.#lanes = this.#lanes.filter((lane) => !lane.isCut || lane.nextAt(this.#now) < Infinity);
  }

  #fault(): void {
    const random = this.#random;
    const now = this.#now;
    this.#nextFaultAt = now + random.between(50, 1_500);
    const lane = this.#lanes.length > 0 ? random.pick(this.#lanes) : null;
    const kind = random.between(0, 12);
    if (kind <= 3) lane?.cut(now);
    else if (kind <= 5) lane?.stall(now + random.between(100, 4_000));
    else if (kind === 6) lane?.blackHole("both");
    else if (kind === 7) lane?.blackHole("one");
    else if (kind === 8) this.#wantedLanes = random.between(1, 4);
    else if (kind === 9) lane?.loseDatagrams(now + random.between(10, 4_000));
    else if (kind === 10) {
      const node = random.pick([this.#edge, this.#core]);
      if (node.lanes.length > 0) node.relieve(random.pick(node.lanes));
    } else if (kind === 11) {
      if (random.chance(0.3)) this.#restartCore();
    } else if (random.chance(0.3)) this.#drain();
    if (random.chance(0.03)) this.#dialAt = now + 16_000;
  }

  #drain(): void {
    if (this.#isDraining) return;
    this.#isDraining = true;
    this.#report.drains++;
    this.#random.pick([this.#edge, this.#core]).goaway();
  }

  /** The edge dials until it has the lanes it wants; the handshake finds out whether both ends still have the session. */
  #redial(): void {
    if (this.#now < this.#dialAt) return;
    const ends = [this.#edge.end, this.#core.end];
    if (ends.some((end) => end !== null)) {
      // The last frames of an end that has closed may be on their way.
      if (this.#isDraining && this.#edge.session.laneCount + this.#core.session.laneCount > 0) return;
      if (this.#edge.isFinishing && ends.every((end) => end?.kind === "closed")) return;
      if (ends.some((end) => end?.kind === "lost")) this.#report.lostSessions++;
      this.#newSession();
    }
    if (this.#edge.session.laneCount >= this.#wantedLanes) return;
    this.#dialAt = this.#now + this.#random.between(0, this.#edge.isFinishing ? 300 : 1_500);
    this.#dial();
  }

  #dial(): void {
    const conditions = this.#randomConditions();
    const carriesDatagrams = conditions.datagrams !== null;
    const traits = { carriesDatagrams, isPreferred: carriesDatagrams };
    const edgeEnd = this.#edge.attach(this.#now, traits);
    const coreEnd = this.#core.attach(this.#now, traits);
    if (edgeEnd === null || coreEnd === null) {
      edgeEnd?.closed();
      coreEnd?.closed();
      return;
    }
    const lane = new SimulatedLane([edgeEnd, coreEnd], { random: this.#random, conditions });
    this.#edge.connect(edgeEnd.lane, lane);
    this.#core.connect(coreEnd.lane, lane);
    this.#lanes.push(lane);
  }

  #randomConditions(): LaneConditions {
    const random = this.#random;
    const { lanes } = this.#options;
    const latencyMs = random.between(0, 100);
    const jitterMs = random.pick([0, 5, 50]);
    const lossShare = random.pick([0, 0, 0.01, 0.05, 0.3]);
    const hasDatagrams = lanes === "datagram" || (lanes === "mixed" && random.chance(0.5));
    return {
      latencyMs,
      jitterMs,
      bufferBytes: random.pick([2_000, 65_536, 1_000_000]),
      lateShare: lossShare,
      datagrams: hasDatagrams
        ? {
          maxBytes: random.pick([600, 1_162, 1_400]),
          latencyMs,
          jitterMs,
          lossShare,
          burstDatagrams: random.pick([1, 1, 8]),
          duplicateShare: random.pick([0, 0, 0.05]),
        }
        : null,
    };
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
    this.#isDraining = false;
    this.#edge = this.#makeNode("edge");
    this.#core = this.#makeNode("core");
  }

  #retire(node: SimulatedNode): void {
    node.checkNothingRetained();
    const { stats } = node.session;
    this.#report.bytesResent += stats.bytesResent;
    this.#report.framesDropped += stats.framesDropped;
    this.#report.carrierChanges += stats.carrierChanges;
    this.#report.copiesSent += stats.copiesSent;
    this.#report.copiesUseful += stats.copiesUseful;
  }

  #makeNode(role: "edge" | "core"): SimulatedNode {
    const peer = role === "edge" ? "core" : "edge";
    return new SimulatedNode({
      role,
      random: this.#random,
      limits: this.#limits,
      redundancy: this.#redundancy[role],
      peerCopies: this.#redundancy[peer].mode !== "off",
      exchanges: this.#exchanges,
      now: this.#now,
      tampering: this.#options.tampering ?? null,
    });
  }
}

function randomRedundancy(random: Random): RedundancyOptions {
  return {
    mode: random.pick(["off", "auto", "always"]),
    maxFrameBytes: random.pick([100, 1024, 4096]),
    spacingMs: random.pick([1, 3, 40]),
  };
}
