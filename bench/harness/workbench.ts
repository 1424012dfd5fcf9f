/**
 * Owns all that a bench leaves on the machine while it runs: processes, network namespaces, a folder. Whatever ends
 * the bench, an error or a signal, ends these too, the last first.
 */
import { join } from "node:path";
import { Child, type ChildOptions } from "./child_process.ts";

export class Workbench implements AsyncDisposable {
  /** For configurations, keys and logs; removed at the end. */
  readonly directory = Deno.makeTempDirSync({ prefix: "lowu-bench-" });
  #endings: (() => Promise<void>)[] = [];
  #children = 0;
  #isOver = false;

  /** Nothing can be started any more. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Starts a process; its log lies in the folder. */
  start(options: Omit<ChildOptions, "logFile">): Child {
    // What measures may go on for a moment after a signal.
    if (this.#isOver) throw new Error("the bench is over");
    const logFile = join(this.directory, `${++this.#children}-${options.name.replaceAll(/\W+/g, "-")}.log`);
    Deno.writeTextFileSync(logFile, "");
    const child = new Child({ ...options, logFile });
    this.onEnd(() => child.stop());
    return child;
  }

  /** A folder within the folder. */
  makeDirectory(name: string): string {
    return Deno.makeTempDirSync({ dir: this.directory, prefix: `${name.replaceAll(/\W+/g, "-")}-` });
  }

  /** Runs `ending` when the bench ends, however it ends. Endings may be run twice. */
  onEnd(ending: () => Promise<void>): void {
    this.#endings.push(ending);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    const endings = this.#endings.toReversed();
    this.#endings = [];
    const failures: unknown[] = [];
    for (const ending of endings) {
      try {
        await ending();
      } catch (error) {
        failures.push(error);
      }
    }
    await Deno.remove(this.directory, { recursive: true });
    if (failures.length > 0) throw new AggregateError(failures, "the bench did not clean up");
  }
}
