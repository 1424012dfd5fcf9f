/**
 * Picks the core of each new exchange: the nearest by the round trip of probes, and those about as near, share by weight.
 *
 * A core counts as near up to one and a half times the shortest round trip and 5 ms, and stays so up to twice and 10 ms, so
 * that a core at the border does not come and go. Others get exchanges only when no near one is up. A core whose lanes are
 * all silent, or that has left two probes unanswered, gets none unless no other is up. Among those that share, weights are kept to in every short
 * stretch (smooth weighted round robin, as in nginx).
 */

/** Weight of a new round trip in the smoothed one. */
const SMOOTHING = 0.25;
/** Probes without an answer after which a core is out. */
const MAX_MISSED = 2;

export interface PickableCore {
  /** At least 1. */
  readonly weight: number;
  /** Whether it takes new exchanges now. */
  readonly isUp: boolean;
  /** Whether a lane of it has brought something lately. */
  readonly isHeard: boolean;
}

interface Standing<C> {
  readonly core: C;
  roundTripMs: number | null;
  missed: number;
  isNear: boolean;
  /** Of the round robin: what it is owed. */
  credit: number;
}

export class CorePicker<C extends PickableCore> {
  readonly #standings: readonly Standing<C>[];

  constructor(cores: readonly C[]) {
    this.#standings = cores.map((core) => ({
      core,
      roundTripMs: null,
      missed: 0,
      isNear: false,
      credit: 0,
    }));
  }

  /** A probe came back after `roundTripMs`, or (null) did not come back. */
  probed(core: C, roundTripMs: number | null): void {
    const standing = this.#standings.find((other) => other.core === core);
    if (standing === undefined) throw new TypeError("not one of these cores");
    if (roundTripMs === null) {
      standing.missed++;
      if (standing.missed >= MAX_MISSED) standing.roundTripMs = null;
    } else {
      standing.missed = 0;
      const smoothedMs = standing.roundTripMs ?? roundTripMs;
      standing.roundTripMs = smoothedMs + SMOOTHING * (roundTripMs - smoothedMs);
    }
    this.#judge();
  }

  /** Null: no core but those of `tried` is up. */
  pick(tried: ReadonlySet<C> = new Set()): C | null {
    const up = this.#standings.filter(({ core }) => core.isUp && !tried.has(core));
    const answering = up.filter((standing) => isAnswering(standing) && standing.core.isHeard);
    const candidates = answering.length > 0 ? answering : up;
    const near = candidates.filter(({ isNear }) => isNear);
    return nextInTurn(near.length > 0 ? near : nearest(candidates))?.core ?? null;
  }

  #judge(): void {
    const measured = this.#standings.filter((standing) => standing.core.isUp && isAnswering(standing));
    const bestMs = shortest(measured);
    for (const standing of this.#standings) {
      const { roundTripMs, isNear } = standing;
      standing.isNear = measured.includes(standing) && roundTripMs !== null && bestMs !== null &&
        roundTripMs <= (isNear ? 2 * bestMs + 10 : nearLimitMs(bestMs));
      if (!standing.isNear) standing.credit = 0;
    }
  }
}

function isAnswering({ missed }: Standing<unknown>): boolean {
  return missed < MAX_MISSED;
}

function nearLimitMs(bestMs: number): number {
  return 1.5 * bestMs + 5;
}

/** Null: none is measured. */
function shortest(standings: readonly Standing<unknown>[]): number | null {
  const times = standings.map(({ roundTripMs }) => roundTripMs).filter((roundTripMs) => roundTripMs !== null);
  return times.length === 0 ? null : Math.min(...times);
}

/** Those near the best of them; all, if none is measured. */
function nearest<C>(standings: readonly Standing<C>[]): readonly Standing<C>[] {
  const bestMs = shortest(standings);
  if (bestMs === null) return standings;
  return standings.filter(({ roundTripMs }) => roundTripMs !== null && roundTripMs <= nearLimitMs(bestMs));
}

/** Each gets its weight in credit; the one with the most has its turn and pays for all. */
function nextInTurn<C extends PickableCore>(standings: readonly Standing<C>[]): Standing<C> | null {
  let next: Standing<C> | null = null;
  let totalWeight = 0;
  for (const standing of standings) {
    standing.credit += standing.core.weight;
    totalWeight += standing.core.weight;
    if (next === null || standing.credit > next.credit) next = standing;
  }
  if (next !== null) next.credit -= totalWeight;
  return next;
}
