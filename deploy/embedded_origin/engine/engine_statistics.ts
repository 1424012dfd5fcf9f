import type { FinishReason } from "./generation.ts";
import { Histogram } from "./histogram.ts";

/** Bucket bounds in seconds, as vLLM chooses them. */
const FIRST_TOKEN_BOUNDS = [
  ...[0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75],
  ...[1, 2.5, 5, 7.5, 10, 20, 40, 80, 160, 640, 2560],
];
const INTER_TOKEN_BOUNDS = [
  ...[0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75],
  ...[1, 2.5, 5, 7.5, 10, 20, 40, 80],
];
const REQUEST_BOUNDS = [
  ...[0.3, 0.5, 0.8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 40, 50, 60],
  ...[120, 240, 480, 960, 1920, 7680],
];

/** What the engine has done since it started; histograms are in seconds. */
export class EngineStatistics {
  /** Generations accepted by `submit`. */
  started = 0;
  /** Generations refused because the queue was full. */
  refused = 0;
  promptTokens = 0;
  generationTokens = 0;
  aborted = 0;
  /** The engine's `now` at the latest abort, in milliseconds; null: none yet. */
  lastAbortAt: number | null = null;
  readonly finished: Record<FinishReason, number> = { stop: 0, length: 0 };
  readonly queueTime = new Histogram(REQUEST_BOUNDS);
  readonly timeToFirstToken = new Histogram(FIRST_TOKEN_BOUNDS);
  readonly interTokenLatency = new Histogram(INTER_TOKEN_BOUNDS);
  readonly requestLatency = new Histogram(REQUEST_BOUNDS);
}
