import assert from "node:assert/strict";
import { type NodeProcess, startNodeProcess } from "../../../deploy/node_process.ts";
import type { RequestRecord } from "../../../deploy/embedded_origin/http/request_log.ts";

/** What `GET /debug/requests` tells. */
export interface OriginCounts {
  running: number;
  waiting: number;
  kvTokens: number;
  started: number;
  finished: number;
  aborted: number;
  exchanges: { open: number; started: number; ended: number; aborted: number };
}

/** Without prefill time, and fast enough that no test waits for tokens that it does not look at. */
export const FAST_ORIGIN = [
  "--prefill-tokens-per-second=Infinity",
  "--decode-tokens-per-second=500",
  "--step-slope-ms=0",
] as const;

/** What has not happened by then is not going to. */
const TIMEOUT_MS = 20_000;

/** An embedded origin in a process of its own. */
export class OriginProcess {
  readonly url: string;
  readonly process: NodeProcess;

  private constructor(url: string, process: NodeProcess) {
    this.url = url;
    this.process = process;
  }

  static async start(options: { flags?: readonly string[]; logFile: string }): Promise<OriginProcess> {
    const args = ["--json", ...options.flags ?? FAST_ORIGIN];
    const process = startNodeProcess("origin", { task: "origin", args, logFile: options.logFile });
    const line = await process.firstLine;
    if (line === null) {
      throw new Error(`the origin ended with ${await process.exited}: ${await process.tail()}`);
    }
    return new OriginProcess(JSON.parse(line).url, process);
  }

  counts(): Promise<OriginCounts> {
    return this.#json("/debug/requests");
  }

  /**
   * What it saw of the request with that `x-lowu-test-id`, as soon as it `started`, sent its `head`, `ended` (or was
   * aborted) or sent so many pieces of its answer.
   */
  seen(id: string, when: "started" | "head" | "ended" | number): Promise<RequestRecord> {
    return this.#json(`/debug/requests/${id}?until=${when}`);
  }

  async stop(): Promise<void> {
    this.process.stop("SIGKILL");
    await this.process.exited;
  }

  async #json<V>(path: string): Promise<V> {
    const answer = await fetch(this.url + path, { signal: AbortSignal.timeout(TIMEOUT_MS) });
    assert.equal(answer.status, 200);
    return await answer.json();
  }
}
