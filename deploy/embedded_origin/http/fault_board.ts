import type { Fault } from "./fault.ts";

/** Faults for exchanges that do not choose their own. */
export interface StandingFaults {
  /** As it was given. */
  readonly text: string;
  readonly faults: readonly Fault[];
  /** Only paths that begin so. */
  readonly pathPrefix: string;
  /** Exchanges that are still to be struck; `Infinity`: all. */
  remaining: number;
}

/** Holds the faults set for everybody. */
export class FaultBoard {
  #standing: StandingFaults | null = null;

  get standing(): StandingFaults | null {
    return this.#standing;
  }

  set(standing: StandingFaults | null): void {
    this.#standing = standing;
  }

  /** The faults for one exchange with `path`; counts it. */
  take(path: string): readonly Fault[] {
    const standing = this.#standing;
    if (standing === null || !path.startsWith(standing.pathPrefix)) return [];
    if (--standing.remaining <= 0) this.#standing = null;
    return standing.faults;
  }
}
