import { LatencyHistogram } from "../harness/latency_histogram.ts";
import { LoadConnection } from "./load_connection.ts";
import type { LoadReport } from "./load_job.ts";

/** Counts what comes in within a window. */
export class LoadStatistics {
  #firstByte = new LatencyHistogram();
  #exchange = new LatencyHistogram();
  #tokenDelay = new LatencyHistogram();
  readonly #connections: LoadConnection[] = [];
  #lostTokens = 0;
  #repeatedTokens = 0;
  #failures = 0;
  #lastFailure = "";
  #sinceMs = 0;

  /** For a connection and those that replace it. */
  newConnection(): LoadConnection {
    const connection = new LoadConnection();
    this.#connections.push(connection);
    return connection;
  }

  /** A window begins. */
  start(nowMs: number): void {
    this.#firstByte = new LatencyHistogram();
    this.#exchange = new LatencyHistogram();
    this.#tokenDelay = new LatencyHistogram();
    this.#lostTokens = 0;
    this.#repeatedTokens = 0;
    this.#failures = 0;
    this.#sinceMs = nowMs;
    for (const connection of this.#connections) connection.start(nowMs);
  }

  tokenCame(delayUs: number): void {
    this.#tokenDelay.recordUs(delayUs);
  }

  /** @param skipped how many tokens that stand before it did not come; negative: it had come already */
  tokenOutOfOrder(skipped: number): void {
    if (skipped > 0) this.#lostTokens += skipped;
    else this.#repeatedTokens++;
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
      lostTokens: this.#lostTokens,
      repeatedTokens: this.#repeatedTokens,
      brokenConnections: this.#connections.filter(({ isBroken }) => isBroken).length,
      longestGapsMs: this.#connections.map((connection) => Math.round(connection.longestGapMs(nowMs))),
      silentMs: this.#connections.map((connection) => Math.round(connection.silentMs(nowMs))),
    };
  }
}
