/** What edge and core processes have in common: arguments, signals, exit codes. */
import { parseArgs } from "node:util";
import { ConfigError, formatProblems } from "../config/config_problem.ts";

/** A node that runs. */
export interface RunningNode {
  /** Finishes what is in flight for at most the configured grace, then ends everything. */
  drain(): Promise<void>;
  /** Ends everything now. */
  kill(): void;
  /** SIGHUP: reads again what can change while running. */
  reload(): Promise<void>;
}

/**
 * Runs the node whose configuration file `--config` names, until SIGTERM or SIGINT; a second signal ends it at once.
 * Exit codes: 0 drained, 1 the configuration or an address cannot be used, 2 wrong arguments.
 */
export async function runNode(start: (configFile: string) => Promise<RunningNode>): Promise<void> {
  const file = configFile();
  let node: RunningNode;
  try {
    node = await start(file);
  } catch (error) {
    console.error(error instanceof ConfigError ? formatProblems(file, error.problems) : describe(error));
    Deno.exit(1);
  }
  let isDraining = false;
  const stop = () => {
    if (isDraining) {
      node.kill();
      Deno.exit(1);
    }
    isDraining = true;
    node.drain().then(() => Deno.exit(0), (error) => {
      console.error(describe(error));
      Deno.exit(1);
    });
  };
  Deno.addSignalListener("SIGTERM", stop);
  Deno.addSignalListener("SIGINT", stop);
  Deno.addSignalListener("SIGHUP", () => void node.reload());
}

function configFile(): string {
  try {
    const { values } = parseArgs({ args: Deno.args, options: { config: { type: "string" } } });
    if (values.config !== undefined) return values.config;
    console.error("usage: --config FILE");
  } catch (error) {
    console.error(describe(error));
  }
  Deno.exit(2);
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
