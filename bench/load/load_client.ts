import type { Child } from "../harness/child_process.ts";
import type { Place } from "../harness/place.ts";
import type { Workbench } from "../harness/workbench.ts";
import type { LoadJob, LoadMessage, LoadReport } from "./load_job.ts";

/** A load client in a process of its own. */
export class LoadClient {
  readonly #child: Child;

  private constructor(child: Child) {
    this.#child = child;
  }

  static start(bench: Workbench, { job, place }: { job: LoadJob; place: Place }): LoadClient {
    const child = bench.start({
      name: "load",
      command: Deno.execPath(),
      args: ["run", "--frozen", "--no-check", "--allow-net", "bench/load/main.ts", JSON.stringify(job)],
      place,
      talk: "lines",
    });
    return new LoadClient(child);
  }

  /** Resolves once every request in flight has its answer's head. @throws {Error} if the relay does not serve */
  async untilSteady(timeoutMs: number): Promise<void> {
    await this.#expect("steady", timeoutMs);
  }

  /** A measured window begins. */
  async startWindow(): Promise<void> {
    await this.#child.send("start");
  }

  async stopWindow(): Promise<LoadReport> {
    await this.#child.send("stop");
    return await this.#expect("report", REPORT_TIMEOUT_MS);
  }

  async stop(): Promise<void> {
    await this.#child.stop();
  }

  async #expect<Kind extends LoadMessage["kind"]>(
    kind: Kind,
    timeoutMs: number,
  ): Promise<Extract<LoadMessage, { kind: Kind }>> {
    const message: LoadMessage = JSON.parse(await this.#child.nextLine(timeoutMs));
    if (message.kind !== kind) {
      throw new Error(message.kind === "failed" ? message.reason : `the load client says ${message.kind}`);
    }
    return message as Extract<LoadMessage, { kind: Kind }>;
  }
}

const REPORT_TIMEOUT_MS = 30_000;
