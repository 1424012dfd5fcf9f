/**
 * Keeps lanes to one edge for a core that no edge can connect to: dials, knocks, and lets the edge prove itself. Streams
 * still go from the edge to the core, and the edge still decides which session a lane is for.
 *
 * A lane that is silent, or whose session takes no new streams, does not count: another is dialled beside it. While this
 * core drains, an edge is dialled only if one of its sessions has no lane left that brings something.
 */
import type { Clock } from "../../shared/clock/clock.ts";
import { performCoreKnock } from "../../shared/handshake/perform_core_knock.ts";
import type { PeerSigner } from "../../shared/handshake/peer_signer.ts";
import { describeError, type Logger } from "../../shared/observe/logger.ts";
import type { DialReading } from "../../shared/observe/tunnel_gate_metrics.ts";
import type { LaneDriver } from "../../shared/session/lane_driver.ts";
import type { SessionDriver } from "../../shared/session/session_driver.ts";
import type { LaneConnection, LaneTransport } from "../../shared/transport/lane_connection.ts";
import { silentAt } from "../../shared/tunnel/lane_choice.ts";
import { type DialPlan, type DialWay, type HeldLane } from "./dial_plan.ts";
import type { TunnelServer } from "./tunnel_server.ts";

type DialOutcome = "opened" | "unreachable" | "refused";

export interface DialLimits {
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

export interface EdgeDialerOptions {
  readonly coreName: string;
  readonly edgeName: string;
  /** The name that the edge's certificate must bear. */
  readonly serverName: string;
  readonly sign: PeerSigner;
  readonly plan: DialPlan;
  readonly connectTimeoutMs: number;
  readonly clock: Clock;
  readonly log: Logger;
  readonly server: TunnelServer;
  /** Opens one transport connection and verifies the edge's certificate. */
  dial(way: DialWay, limits: DialLimits): Promise<LaneConnection>;
}

interface OpenLane extends HeldLane {
  readonly lane: LaneDriver;
  readonly driver: SessionDriver;
  heardSince: number | null;
}

export class EdgeDialer {
  readonly #options: EdgeDialerOptions;
  readonly #stop = new AbortController();
  readonly #lanes = new Set<OpenLane>();
  #isDraining = false;
  #changed = () => {};
  readonly #outcomes = new Map<LaneTransport, Record<DialOutcome, number>>();

  constructor(options: EdgeDialerOptions) {
    this.#options = options;
    for (const { transport } of options.plan.ways) {
      this.#outcomes.set(transport, { opened: 0, unreachable: 0, refused: 0 });
    }
  }

  /** Dials by how they ended, since the start. */
  readDials(): DialReading[] {
    const { edgeName: peer } = this.#options;
    return Array.from(this.#outcomes, ([transport, outcomes]) => ({ peer, transport, outcomes }));
  }

  /** Dials that ended so, whatever the way. */
  count(outcome: DialOutcome): number {
    return this.#outcomes.values().reduce((sum, outcomes) => sum + outcomes[outcome], 0);
  }

  /** Dials until it is stopped. */
  async run(): Promise<void> {
    const { plan, clock } = this.#options;
    while (!this.#stop.signal.aborted) {
      this.#forgetLost();
      this.#listen();
      const step = plan.next(this.#wantedBy(), clock.now());
      if (this.#isDraining && !this.#isAnySessionUnheard()) await this.#pause(null);
      else if (step.kind === "dial") await this.#openLane(step.way, step.limitMs);
      else if (step.kind === "retire") this.#retire(step.lane);
      else await this.#pause(step.until);
    }
  }

  /** From now on lanes are only for sessions that have none. */
  drain(): void {
    this.#isDraining = true;
    this.#changed();
  }

  /** Ends dials that are under way; lanes are their sessions' business. */
  stop(): void {
    this.#stop.abort();
    this.#changed();
  }

  /** Lanes that the plan is to count. */
  #wantedBy(): readonly OpenLane[] {
    return this.#isDraining ? [] : [...this.#lanes].filter(({ driver }) => driver.state === "open");
  }

  #isAnySessionUnheard(): boolean {
    const { server, edgeName } = this.#options;
    for (const { edge, driver } of server.sessions) {
      if (edge === edgeName && [...driver.lanes].every((lane) => this.#isSilent(lane))) return true;
    }
    return false;
  }

  #isSilent({ lane }: LaneDriver): boolean {
    const { clock, server } = this.#options;
    return clock.now() >= silentAt(lane, server.pingIntervalMs);
  }

  /** Notes which lanes have fallen silent or bring something again. */
  #listen(): void {
    const now = this.#options.clock.now();
    for (const open of this.#lanes) {
      open.heardSince = this.#isSilent(open.lane) ? null : open.heardSince ?? now;
    }
  }

  #forgetLost(): void {
    const { plan, clock } = this.#options;
    for (const open of this.#lanes) {
      if ([...open.driver.lanes].includes(open.lane)) continue;
      this.#lanes.delete(open);
      plan.lost(open, clock.now());
    }
  }

  #retire(open: OpenLane): void {
    this.#lanes.delete(open);
    open.lane.retire();
  }

  async #openLane(way: DialWay, limitMs: number): Promise<void> {
    const { plan, clock, log, edgeName, connectTimeoutMs } = this.#options;
    const { signal } = this.#stop;
    const { address, transport } = way;
    let connection: LaneConnection;
    try {
      connection = await this.#options.dial(way, { timeoutMs: Math.min(connectTimeoutMs, limitMs), signal });
    } catch (error) {
      if (signal.aborted) return;
      this.#count(way, "unreachable");
      log.warn("edge_dial_failed", { edge: edgeName, address, transport, reason: describeError(error) });
      return plan.failed(way, clock.now());
    }
    const failure = await this.#join(connection, way);
    if (failure === null) {
      this.#count(way, "opened");
      return plan.opened(way);
    }
    if (signal.aborted) return;
    log.warn("edge_lane_refused", { edge: edgeName, address, transport, reason: failure });
    this.#count(way, "refused");
    // Nothing came back behind the transport's own handshake: that says nothing about the other ways.
    if (failure === "timeout" || failure === "left") plan.failed(way, clock.now());
    else plan.refused(clock.now());
  }

  #count({ transport }: DialWay, outcome: DialOutcome): void {
    const outcomes = this.#outcomes.get(transport);
    if (outcomes !== undefined) outcomes[outcome]++;
  }

  /** Null, or why the lane is none. */
  async #join(connection: LaneConnection, way: DialWay): Promise<string | null> {
    const { coreName, edgeName, serverName, sign, clock, server } = this.#options;
    const { signal } = this.#stop;
    const knock = await performCoreKnock(connection, {
      coreName,
      edgeName,
      serverName,
      sign,
      clock,
      signal,
    });
    if (knock.kind === "refused") return knock.reason;
    const onChange = () => this.#changed();
    const joined = await server.join({ connection, coreName, edgeName, onChange });
    if (joined.kind === "refused") return joined.reason;
    const { lane, driver } = joined;
    const now = clock.now();
    this.#lanes.add({
      way,
      upAt: now,
      heardSince: now,
      get isIdle() {
        return lane.lane.carries === "nothing";
      },
      lane,
      driver,
    });
    // An edge that drains uses the lane for what it has: another dial would bring no more.
    return driver.state === "open" || this.#isDraining ? null : "draining";
  }

  /** Until `until`, a change or the stop; while there are lanes, no longer than an interval of their PINGs. */
  #pause(until: number | null): Promise<void> {
    const { clock, server } = this.#options;
    if (this.#stop.signal.aborted) return Promise.resolve();
    const looksInMs = this.#lanes.size > 0 ? server.pingIntervalMs : Number.POSITIVE_INFINITY;
    const waitMs = Math.min(until === null ? Infinity : Math.max(0, until - clock.now()), looksInMs);
    return new Promise((resolve) => {
      const cancel = waitMs === Infinity ? () => {} : clock.after(waitMs, resolve);
      this.#changed = () => {
        cancel();
        resolve();
      };
    });
  }
}
