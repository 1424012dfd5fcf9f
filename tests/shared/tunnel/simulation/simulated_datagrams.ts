/** One direction of a simulated lane's datagrams: lost one by one or in bursts, late, out of order, some twice. */
import type { LaneEnd } from "./lane_end.ts";
import type { Random } from "./random.ts";

export interface DatagramConditions {
  /** Largest payload. */
  readonly maxBytes: number;
  readonly latencyMs: number;
  /** Up to so much later, each by itself. */
  readonly jitterMs: number;
  /** 0 to 1. */
  readonly lossShare: number;
  /** Mean length of a run of losses, in datagrams. */
  readonly burstDatagrams: number;
  /** 0 to 1. */
  readonly duplicateShare: number;
}

export interface DatagramsOptions {
  readonly from: LaneEnd;
  readonly to: LaneEnd;
  readonly random: Random;
  readonly conditions: DatagramConditions;
}

export class SimulatedDatagrams {
  readonly #options: DatagramsOptions;
  #inFlight: { readonly at: number; readonly bytes: Uint8Array }[] = [];
  #isWanted = true;
  /** The transport takes the next one then. */
  #sendingUntil = 0;
  #isInBurst = false;

  constructor(options: DatagramsOptions) {
    this.#options = options;
    options.from.lane.onDatagram = () => (this.#isWanted = true);
  }

  /** When something happens by itself. */
  nextAt(now: number): number {
    let at = this.#isWanted && this.#sendingUntil > now ? this.#sendingUntil : Infinity;
    for (const datagram of this.#inFlight) at = Math.min(at, datagram.at);
    return at;
  }

  /** Lets what is due arrive. */
  step(now: number): void {
    const due = this.#inFlight.filter((datagram) => datagram.at <= now);
    if (due.length === 0) return;
    this.#inFlight = this.#inFlight.filter((datagram) => datagram.at > now);
    due.sort((left, right) => left.at - right.at);
    for (const { bytes } of due) this.#options.to.receivedDatagram(bytes);
  }

  /** Takes datagrams that the lane has announced; true when there was any. `isLost`: none of them arrives. */
  transmit(now: number, { isLost }: { isLost: boolean }): boolean {
    const { from, random, conditions } = this.#options;
    let isAny = false;
    while (this.#isWanted && now >= this.#sendingUntil) {
      const bytes = from.lane.takeDatagram(now, conditions.maxBytes);
      if (bytes === null) {
        this.#isWanted = false;
        break;
      }
      isAny = true;
      if (!isLost) this.#carry(bytes, now);
      bytes.fill(0xee);
      if (random.chance(0.05)) this.#sendingUntil = now + random.between(1, 50);
    }
    return isAny;
  }

  /** What is under way is lost. */
  drop(): void {
    this.#inFlight = [];
  }

  #carry(bytes: Uint8Array, now: number): void {
    const { random, conditions } = this.#options;
    if (this.#isLossDue()) return;
    const copies = random.chance(conditions.duplicateShare) ? 2 : 1;
    for (let i = 0; i < copies; i++) {
      const at = now + conditions.latencyMs + random.between(0, conditions.jitterMs);
      this.#inFlight.push({ at, bytes: bytes.slice() });
    }
  }

  /** Two states, one that loses everything and one that loses nothing (Gilbert). */
  #isLossDue(): boolean {
    const { random, conditions } = this.#options;
    const { lossShare, burstDatagrams } = conditions;
    const entersBurst = lossShare / (burstDatagrams * (1 - lossShare));
    this.#isInBurst = random.chance(this.#isInBurst ? 1 - 1 / burstDatagrams : entersBurst);
    return this.#isInBurst;
  }
}
