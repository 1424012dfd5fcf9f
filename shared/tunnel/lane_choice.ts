/**
 * Which lane is the best: the shortest round trip, made longer by what speaks against it. Sans time and state: the set
 * of lanes adds the patience.
 */

export interface Choosable {
  readonly roundTripMs: number | null;
  readonly lossShare: number | null;
  readonly lateShare: number | null;
  readonly isStalled: boolean;
  /** Its connection is about to be closed. */
  readonly isLeaving: boolean;
  readonly lastReceivedAt: number;
  readonly traits: { readonly isPreferred: boolean };
  isDistrusted(now: number): boolean;
}

/** A lane that is not preferred is taken when it is better by this factor and this much besides. */
const NOT_PREFERRED_FACTOR = 1.5;
const NOT_PREFERRED_MS = 20;
/** A lost packet costs a round trip or more, and what comes behind it waits too. */
const LOSS_WEIGHT = 4;
const MAX_LOSS = 0.25;
const DISTRUST_FACTOR = 3;
/** PINGs come at every interval: so many without a byte, and another lane is better. */
const QUIET_INTERVALS = 2.5;
/** Another lane takes over only when its cost is below this share of the present one's, less this much. */
const CLEARLY_BETTER_SHARE = 0.8;
const CLEARLY_BETTER_MS = 3;

/** In milliseconds; Infinity while nothing was measured. */
export function laneCostMs(lane: Choosable, now: number): number {
  if (lane.roundTripMs === null) return Infinity;
  const loss = Math.min(MAX_LOSS, lane.lossShare ?? lane.lateShare ?? 0);
  const costMs = lane.roundTripMs * (1 + LOSS_WEIGHT * loss) * (lane.isDistrusted(now) ? DISTRUST_FACTOR : 1);
  return lane.traits.isPreferred ? costMs : costMs * NOT_PREFERRED_FACTOR + NOT_PREFERRED_MS;
}

/** Whether a lane may be given something to carry while there is another. */
export function isFit(
  lane: Choosable,
  { now, pingIntervalMs }: { now: number; pingIntervalMs: number },
): boolean {
  return !lane.isStalled && !lane.isLeaving && now <= silentAt(lane, pingIntervalMs);
}

/** From when on a lane counts as silent, if it brings nothing before. */
export function silentAt(lane: { readonly lastReceivedAt: number }, pingIntervalMs: number): number {
  return lane.lastReceivedAt + QUIET_INTERVALS * pingIntervalMs;
}

/** The cheapest of `lanes`; the earliest of equals; null when there is none. */
export function cheapest<L extends Choosable>(lanes: readonly L[], now: number): L | null {
  let best: L | null = null;
  for (const lane of lanes) {
    if (best === null || laneCostMs(lane, now) < laneCostMs(best, now)) best = lane;
  }
  return best;
}

export function isClearlyBetter(lane: Choosable, than: Choosable, now: number): boolean {
  return laneCostMs(lane, now) < laneCostMs(than, now) * CLEARLY_BETTER_SHARE - CLEARLY_BETTER_MS;
}
