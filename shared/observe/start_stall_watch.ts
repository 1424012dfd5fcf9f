import type { Clock } from "../clock/clock.ts";
import type { Logger } from "./logger.ts";
import type { Metrics } from "./metrics.ts";
import { StallWatch } from "./stall_watch.ts";

const LOOK_INTERVAL_MS = 1_000;

export interface StallWatchOptions {
  readonly role: "edge" | "core";
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
}

export interface RunningStallWatch {
  readonly watch: StallWatch;
  close(): void;
}

/** A stall watch that looks once a second until it is closed, and is shown in the metrics. */
export function startStallWatch({ role, clock, log, metrics }: StallWatchOptions): RunningStallWatch {
  const watch = new StallWatch({ role, log });
  metrics.stalls.setSource(watch);
  let stopTimer = () => {};
  const look = () => {
    watch.look(clock.now());
    stopTimer = clock.after(LOOK_INTERVAL_MS, look);
  };
  look();
  return { watch, close: () => stopTimer() };
}
