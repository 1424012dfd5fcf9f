import type { Child } from "../../../bench/harness/child_process.ts";
import type { Place } from "../../../bench/harness/place.ts";
import type { Workbench } from "../../../bench/harness/workbench.ts";
import type { EndAnswers, EndCommand } from "./border_end.ts";

/** Longer than any command takes: until the last stream has ended, or will not. */
const ANSWER_TIMEOUT_MS = 90_000;

/** A process at one end of the border, as the test talks with it. */
export class BorderEnd {
  readonly #process: Child;
  /** Answers come in the order of the commands. */
  #last: Promise<unknown> = Promise.resolve();

  private constructor(process: Child) {
    this.#process = process;
  }

  static async start(bench: Workbench, place: Place): Promise<BorderEnd> {
    const script = "tests/border/support/border_end.ts";
    const args = ["run", "--frozen", "--no-check", "--allow-net", script];
    const process = bench.start({ name: "end", command: Deno.execPath(), args, place, talk: "lines" });
    await process.nextLine(ANSWER_TIMEOUT_MS);
    return new BorderEnd(process);
  }

  ask<Command extends EndCommand>(command: Command): Promise<EndAnswers[Command["kind"]]> {
    const answer = this.#last.then(async () => {
      await this.#process.send(JSON.stringify(command));
      return JSON.parse(await this.#process.nextLine(ANSWER_TIMEOUT_MS));
    });
    // Whoever gave the command gets its failure; the next one is tried all the same.
    this.#last = answer.catch(() => {});
    return answer;
  }
}
