/** `deno task check --config FILE`: says all that is wrong with a configuration. */
import { parseArgs } from "node:util";
import { ConfigError, formatProblems } from "../shared/config/config_problem.ts";
import { loadConfig } from "../shared/config/load_config.ts";

const USAGE = "Usage: deno task check --config FILE";

/** Prints what is wrong with the file, or that it is valid. Returns the exit code: 0 valid, 1 problems, 2 wrong usage. */
export async function check(args: readonly string[]): Promise<number> {
  const file = configArgument(args);
  if (file === null) return 2;
  try {
    const config = await loadConfig(file);
    console.log(`${file} is valid (${config.node})`);
    return 0;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const { problems } = error;
    console.log(formatProblems(file, problems));
    console.log(`${file} has ${problems.length === 1 ? "1 problem" : `${problems.length} problems`}`);
    return 1;
  }
}

function configArgument(args: readonly string[]): string | null {
  try {
    const { values } = parseArgs({ args: [...args], options: { config: { type: "string" } } });
    if (values.config !== undefined && values.config !== "") return values.config;
    console.error(USAGE);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    console.error(`${error.message}\n${USAGE}`);
  }
  return null;
}

if (import.meta.main) Deno.exitCode = await check(Deno.args);
