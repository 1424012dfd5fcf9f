import type { DialReading } from "../../shared/observe/tunnel_gate_metrics.ts";
import type { Logger } from "../../shared/observe/logger.ts";
import type { LaneTransport } from "../../shared/transport/lane_connection.ts";
import type { DialFailure, LaneRoute } from "./lane_routes.ts";

type DialOutcome = "opened" | DialFailure;

/** Counts how dials end, and logs each way's trouble once, not for every try. */
export class DialTally {
  readonly #peer: string;
  readonly #log: Logger;
  readonly #counts = new Map<LaneTransport, Record<DialOutcome, number>>();
  /** What was logged last of a way that does not work. */
  readonly #troubles = new Map<LaneRoute | null, DialFailure>();

  constructor({ peer, routes, log }: { peer: string; routes: readonly LaneRoute[]; log: Logger }) {
    this.#peer = peer;
    this.#log = log;
    for (const { transport } of routes) this.#counts.set(transport, noOutcomes());
  }

  /** @param route null: the core dialled */
  opened(route: LaneRoute | null): void {
    this.#troubles.delete(route);
    this.#count(route, "opened");
  }

  failed(
    { route, failure, reason }: { route: LaneRoute | null; failure: DialFailure; reason: string },
  ): void {
    this.#count(route, failure);
    const isNews = this.#troubles.get(route) !== failure;
    this.#troubles.set(route, failure);
    this.#log[isNews ? "warn" : "debug"]("tunnel_dial_failed", {
      peer: this.#peer,
      outcome: failure,
      reason,
      address: route?.address ?? null,
      transport: route?.transport ?? null,
    });
  }

  read(): DialReading[] {
    return Array.from(this.#counts, ([transport, outcomes]) => ({ peer: this.#peer, transport, outcomes }));
  }

  /** Dials that ended so. */
  count(outcome: DialOutcome): number {
    return this.#counts.values().reduce((sum, outcomes) => sum + outcomes[outcome], 0);
  }

  #count(route: LaneRoute | null, outcome: DialOutcome): void {
    const outcomes = route === null ? undefined : this.#counts.get(route.transport);
    if (outcomes !== undefined) outcomes[outcome]++;
  }
}

function noOutcomes(): Record<DialOutcome, number> {
  return {
    opened: 0,
    unreachable: 0,
    name: 0,
    certificate: 0,
    protocol: 0,
    elsewhere: 0,
    refused: 0,
    unavailable: 0,
  };
}
