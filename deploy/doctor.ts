/** `deno task doctor --config FILE`: looks at the ways to an edge's cores and says what to do about what it finds. */
import { parseArgs } from "node:util";
import { SYSTEM_CLOCK } from "../shared/clock/clock.ts";
import { ConfigError, formatProblems } from "../shared/config/config_problem.ts";
import type { EdgeConfig } from "../shared/config/edge_schema.ts";
import { loadEdgeConfig } from "../shared/config/load_config.ts";
import { diagnoseEdge } from "./doctor/diagnose_edge.ts";
import { examineEdge } from "./doctor/examine_edge.ts";
import { reportText } from "./doctor/report_text.ts";

/** With what comes before and after, all is over in half a minute. */
const MAX_SECONDS = 10;

const USAGE = `Usage: deno task doctor --config FILE [--seconds N] [--json]

  --config FILE  an edge's configuration
  --seconds N    how long each path is measured, 1 to ${MAX_SECONDS}; default: 5
  --json         facts and findings for programs (see deploy/docs/doctor.md)`;

interface DoctorOptions {
  readonly configFile: string;
  readonly seconds: number;
  readonly isJson: boolean;
}

/** What the command line got wrong. */
class UsageError extends Error {}

/**
 * Examines the edge and prints the report. Returns the exit code: 0 nothing is bad, 1 something is, 2 wrong usage or
 * configuration.
 */
export async function doctor(args: readonly string[]): Promise<number> {
  let options: DoctorOptions;
  let config: EdgeConfig;
  try {
    options = parseOptions(args);
    config = await loadEdgeConfig(options.configFile);
  } catch (error) {
    if (error instanceof ConfigError) console.error(formatProblems(error.file, error.problems));
    else if (error instanceof UsageError) console.error(`${error.message}\n\n${USAGE}`);
    else throw error;
    return 2;
  }
  const facts = await examineEdge(config, { clock: SYSTEM_CLOCK, seconds: options.seconds });
  const diagnosis = diagnoseEdge(facts);
  console.log(options.isJson ? JSON.stringify({ ...diagnosis, facts }, null, 2) : reportText(diagnosis));
  return diagnosis.verdict === "bad" ? 1 : 0;
}

function parseOptions(args: readonly string[]): DoctorOptions {
  const { config, seconds, json } = parseValues(args);
  if (config === undefined || config === "") throw new UsageError("--config is missing: which file?");
  const count = Number(seconds);
  if (!(count >= 1 && count <= MAX_SECONDS)) {
    throw new UsageError(`--seconds: ${seconds} is not a number from 1 to ${MAX_SECONDS}.`);
  }
  return { configFile: config, seconds: count, isJson: json };
}

function parseValues(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        config: { type: "string" },
        seconds: { type: "string", default: "5" },
        json: { type: "boolean", default: false },
      },
    }).values;
  } catch (error) {
    if (error instanceof TypeError) throw new UsageError(error.message);
    throw error;
  }
}

// What is still under way (a name server that does not answer) must not keep the process.
if (import.meta.main) Deno.exit(await doctor(Deno.args));
