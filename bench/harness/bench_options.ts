import { parseArgs } from "node:util";
import { fileURLToPath } from "node:url";

/** What the command line of every bench says. */
export interface BenchOptions {
  /** Seconds instead of minutes: shows that the bench works, measures nothing. */
  readonly isSmall: boolean;
  /** Times that everything is measured. */
  readonly rounds: number;
  /** Length of each measured window. */
  readonly windowMs: number;
  /** Folder for `<bench>.json`. */
  readonly resultsDirectory: string;
  /** Names of the relays to measure; empty: all. */
  readonly only: readonly string[];
}

export const BENCH_USAGE = `options of every bench:
  --small         a few seconds: shows that it works, measures nothing
  --rounds N      times that everything is measured
  --seconds N     length of each measured window
  --results DIR   folder for the result as JSON (bench/results)
  --only NAME     measure this relay only; may be repeated`;

/** A command line that cannot be obeyed. */
export class BenchUsageError extends Error {
  override name = "BenchUsageError";
}

/** `defaults` holds for a run that is not small. @throws {BenchUsageError} */
export function parseBenchOptions(
  args: readonly string[],
  defaults: { rounds: number; windowMs: number },
): BenchOptions {
  const values = parseValues(args);
  const isSmall = values.small;
  return {
    isSmall,
    rounds: positive("--rounds", values.rounds) ?? (isSmall ? 1 : defaults.rounds),
    windowMs: 1000 * (positive("--seconds", values.seconds) ?? (isSmall ? 1 : defaults.windowMs / 1000)),
    resultsDirectory: values.results ?? fileURLToPath(new URL("../results/", import.meta.url)),
    only: values.only ?? [],
  };
}

function parseValues(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        small: { type: "boolean", default: false },
        rounds: { type: "string" },
        seconds: { type: "string" },
        results: { type: "string" },
        only: { type: "string", multiple: true },
      },
    }).values;
  } catch (error) {
    if (error instanceof TypeError) throw new BenchUsageError(`${error.message}\n\n${BENCH_USAGE}`);
    throw error;
  }
}

function positive(flag: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^[1-9]\d{0,4}$/.test(text)) throw new BenchUsageError(`${flag} takes a whole number from 1 on`);
  return Number(text);
}
