/**
 * The lanes of a session, and which of them sends the log: the one that sent before, until it dies or stays silent while it
 * owes an acknowledgement; then the live lane with the shortest round trip.
 */
import { type LaneHost, LaneMachine } from "./lane_machine.ts";

export interface LaneSetOptions {
  host: LaneHost;
  now: number;
  /** The lane brought no byte for too long; it is closed after this call. */
  laneDied(lane: LaneMachine): void;
}

export class LaneSet {
  readonly #options: LaneSetOptions;
  readonly #lanes: LaneMachine[] = [];
  #active: LaneMachine | null = null;
  /** When the session is lost; null while it has a lane. */
  #resumeDeadline: number | null;
  /** Furthest position of the log that lanes before the active one were given. */
  #furthestCursor = 0;
  #bytesResent = 0;
  #switches = 0;

  constructor(options: LaneSetOptions) {
    this.#options = options;
    this.#resumeDeadline = options.now + options.host.limits.resumeTimeoutMs;
  }

  get active(): LaneMachine | null {
    return this.#active;
  }

  get size(): number {
    return this.#lanes.length;
  }

  /** Encoded bytes of frames sent again. */
  get bytesResent(): number {
    return this.#bytesResent;
  }

  /** Times that another lane than the first became active. */
  get switches(): number {
    return this.#switches;
  }

  /** Null when there are too many. */
  attach(now: number): LaneMachine | null {
    if (this.#lanes.length >= this.#options.host.limits.maxLanes) return null;
    const lane = new LaneMachine(this.#options.host, now);
    this.#lanes.push(lane);
    this.#resumeDeadline = null;
    if (this.#active === null) this.#activate(lane);
    return lane;
  }

  /** Makes a live lane the active one. */
  prefer(lane: unknown): void {
    const found = this.#lanes.find((other) => other === lane);
    if (found !== undefined && found !== this.#active) this.#activate(found);
  }

  /** The connection of a lane ended. */
  remove(lane: LaneMachine, now: number): void {
    const index = this.#lanes.indexOf(lane);
    if (index < 0) return;
    this.#lanes.splice(index, 1);
    if (this.#lanes.length === 0) this.#resumeDeadline = now + this.#options.host.limits.resumeTimeoutMs;
    if (lane !== this.#active) return;
    this.#furthestCursor = Math.max(this.#furthestCursor, lane.cursor);
    this.#active = null;
    const next = this.#bestStandby() ?? this.#lanes[0];
    if (next !== undefined) this.#activate(next);
  }

  nextTimeout(): number {
    let at = this.#resumeDeadline ?? Infinity;
    for (const lane of this.#lanes) at = Math.min(at, lane.nextTimeout());
    const stallsAt = this.#active?.stallsAt() ?? null;
    if (stallsAt !== null && this.#bestStandby() !== null) at = Math.min(at, stallsAt);
    return at;
  }

  /** Returns false when the session is lost: no lane came back in time. */
  handleTimeout(now: number): boolean {
    for (const lane of [...this.#lanes]) {
      if (now >= lane.diesAt()) {
        this.#options.laneDied(lane);
        lane.closed(now);
      } else lane.handleTimeout(now);
    }
    const stallsAt = this.#active?.stallsAt() ?? null;
    if (stallsAt !== null && now >= stallsAt) this.#leaveStalledLane();
    return this.#resumeDeadline === null || now < this.#resumeDeadline;
  }

  /** The session ends: `closeCode` goes out on every lane as its last frame, unless it is null. */
  end(closeCode: number | null): void {
    for (const lane of this.#lanes) {
      if (closeCode === null) lane.kill();
      else lane.endWith(closeCode);
    }
    this.#lanes.length = 0;
    this.#active = null;
    this.#resumeDeadline = null;
  }

  #activate(lane: LaneMachine): void {
    const { host } = this.#options;
    const previous = this.#active;
    if (previous !== null) {
      this.#furthestCursor = Math.max(this.#furthestCursor, previous.cursor);
      previous.deactivate();
    }
    const position = host.log.firstUnackedFrame();
    this.#bytesResent += Math.max(0, this.#furthestCursor - position);
    if (this.#furthestCursor > 0) this.#switches++;
    this.#active = lane;
    lane.activate(position);
    host.fillLog();
  }

  #leaveStalledLane(): void {
    const next = this.#bestStandby();
    if (next === null) return;
    this.#active?.markStalled();
    this.#activate(next);
  }

  /** The lane with the shortest round trip that is neither active nor stalled. */
  #bestStandby(): LaneMachine | null {
    let best: LaneMachine | null = null;
    for (const lane of this.#lanes) {
      if (lane === this.#active || lane.isStalled) continue;
      if (best === null || (lane.roundTripMs ?? Infinity) < (best.roundTripMs ?? Infinity)) best = lane;
    }
    return best;
  }
}
