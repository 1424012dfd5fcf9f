import { parseArgs, type ParseArgsOptionsConfig } from "node:util";
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
  /** What this bench's own options say, by their names. */
  readonly lists: Readonly<Record<string, readonly string[]>>;
}

/** An option of one bench: `--<name> A,B`. */
export interface ListOption {
  readonly name: string;
  /** For the usage. */
  readonly doc: string;
  readonly allowed: readonly string[];
  readonly defaults: readonly string[];
  /** In place of `defaults` in a small run. */
  readonly small: readonly string[];
}

/** What holds for a run that is not small, and the options that only this bench has. */
export interface BenchDefaults {
  readonly rounds: number;
  readonly windowMs: number;
  /** @default none */
  readonly lists?: readonly ListOption[];
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

/** @throws {BenchUsageError} */
export function parseBenchOptions(args: readonly string[], defaults: BenchDefaults): BenchOptions {
  const lists = defaults.lists ?? [];
  const values = parseValues(args, lists);
  const isSmall = values.small === true;
  return {
    isSmall,
    rounds: positive("--rounds", textOf(values.rounds)) ?? (isSmall ? 1 : defaults.rounds),
    windowMs: 1000 *
      (positive("--seconds", textOf(values.seconds)) ?? (isSmall ? 1 : defaults.windowMs / 1000)),
    resultsDirectory: textOf(values.results) ?? fileURLToPath(new URL("../results/", import.meta.url)),
    only: Array.isArray(values.only) ? values.only.map(String) : [],
    lists: Object.fromEntries(
      lists.map((list) => {
        const given = textOf(values[list.name]);
        const unsaid = isSmall ? list.small : list.defaults;
        return [list.name, given === undefined ? unsaid : parseList(list, given)];
      }),
    ),
  };
}

/** What was given, by the names of the options; `only` may be given more than once. */
function parseValues(
  args: readonly string[],
  lists: readonly ListOption[],
): Record<string, string | boolean | (string | boolean)[] | undefined> {
  const own: ParseArgsOptionsConfig = Object.fromEntries(lists.map(({ name }) => [name, { type: "string" }]));
  try {
    return parseArgs({ args: [...args], options: { ...COMMON_OPTIONS, ...own } }).values;
  } catch (error) {
    if (error instanceof TypeError) throw new BenchUsageError(`${error.message}\n\n${usage(lists)}`);
    throw error;
  }
}

const COMMON_OPTIONS: ParseArgsOptionsConfig = {
  small: { type: "boolean" },
  rounds: { type: "string" },
  seconds: { type: "string" },
  results: { type: "string" },
  only: { type: "string", multiple: true },
};

function usage(lists: readonly ListOption[]): string {
  if (lists.length === 0) return BENCH_USAGE;
  const own = lists.map(({ name, doc, allowed }) => `  --${name} A,B   ${doc}: ${allowed.join(", ")}`);
  return [BENCH_USAGE, "options of this bench:", ...own].join("\n");
}

function parseList({ name, allowed }: ListOption, text: string): readonly string[] {
  const items = text.split(",");
  const wrong = items.find((item) => !allowed.includes(item));
  if (wrong !== undefined) throw new BenchUsageError(`--${name} takes ${allowed.join(", ")}, not ${wrong}`);
  return [...new Set(items)];
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

function positive(flag: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^[1-9]\d{0,4}$/.test(text)) throw new BenchUsageError(`${flag} takes a whole number from 1 on`);
  return Number(text);
}
