import { LatencyHistogram } from "../harness/latency_histogram.ts";
import type { LoadReport } from "./load_job.ts";

/** Counts what comes in within a window. */
export class LoadStatistics {
  #firstByte = new LatencyHistogram();
  #exchange = new LatencyHistogram();
  #tokenDelay = new LatencyHistogram();
  #failures = 0;
  #lastFailure = "";
  #sinceMs = 0;

  /** A window begins. */
  start(nowMs: number): void {
    this.#firstByte = new LatencyHistogram();
    this.#exchange = new LatencyHistogram();
    this.#tokenDelay = new LatencyHistogram();
    this.#failures = 0;
    this.#sinceMs = nowMs;
  }

  tokenCame(delayUs: number): void {
    this.#tokenDelay.recordUs(delayUs);
  }

  firstByteCame(afterMs: number): void {
    this.#firstByte.recordUs(afterMs * 1000);
  }

  exchangeEnded(afterMs: number): void {
    this.#exchange.recordUs(afterMs * 1000);
  }

  exchangeFailed(reason: string): void {
    this.#failures++;
    this.#lastFailure = reason;
  }

  /** What came since the window began. */
  report(nowMs: number): LoadReport {
    return {
      kind: "report",
      seconds: (nowMs - this.#sinceMs) / 1000,
      tokens: this.#tokenDelay.count,
      exchanges: this.#exchange.count,
      failures: this.#failures,
      lastFailure: this.#lastFailure,
      firstByte: this.#firstByte.toRecord(),
      exchange: this.#exchange.toRecord(),
      tokenDelay: this.#tokenDelay.toRecord(),
    };
  }
}
