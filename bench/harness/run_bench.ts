import { type Relay, type Selection } from "../relays/relay.ts";
import { selectRelays } from "../relays/select_relays.ts";
import {
  type BenchDefaults,
  type BenchOptions,
  BenchUsageError,
  parseBenchOptions,
} from "./bench_options.ts";
import { type BenchResult, writeBenchResult } from "./bench_result.ts";
import { environmentText, readEnvironment } from "./environment.ts";
import { formatTextTable } from "./text_table.ts";
import { Workbench } from "./workbench.ts";

export interface BenchRun {
  readonly options: BenchOptions;
  readonly bench: Workbench;
  readonly relays: Selection["relays"];
  /** Measures one thing and says on standard error which; a failure is kept for the result, and the bench goes on. */
  attempt(what: string, measure: () => Promise<void>): Promise<void>;
}

/** What a bench has measured. */
export type BenchOutcome = Pick<BenchResult, "parameters" | "tables" | "samples">;

export interface BenchDefinition {
  /** As in `deno task bench:<name>` and `bench/results/<name>.json`. */
  readonly name: string;
  /** Measured where they are installed. */
  readonly relays: readonly Relay[];
  readonly defaults: BenchDefaults;
  /** Why the bench cannot run on this machine at all; null if it can. */
  missing?(): Promise<string | null>;
  measure(run: BenchRun): Promise<BenchOutcome>;
}

/** Longest text of a failure in the result. */
const MAX_REASON_LENGTH = 2000;

/** Exit status of a bench that lacks something on this machine. */
export const NOT_RUN_STATUS = 3;

/** Runs a bench with the arguments of the command line; returns the exit status. */
export async function runBench(definition: BenchDefinition, args: readonly string[]): Promise<number> {
  try {
    const options = parseBenchOptions(args, definition.defaults);
    const missing = await definition.missing?.() ?? null;
    if (missing !== null) {
      console.log(`${definition.name}: not run: ${missing}`);
      return NOT_RUN_STATUS;
    }
    const result = await runWith(definition, options);
    return result.failed.length === 0 ? 0 : 1;
  } catch (error) {
    if (!(error instanceof BenchUsageError)) throw error;
    console.error(error.message);
    return 2;
  }
}

async function runWith(definition: BenchDefinition, options: BenchOptions): Promise<BenchResult> {
  const failed: { what: string; reason: string }[] = [];
  const environment = readEnvironment();
  const { relays, notRun } = await selectRelays(definition.relays, options.only);
  const outcome = await onWorkbench((bench) => {
    const attempt = async (what: string, measure: () => Promise<void>) => {
      console.error(`${definition.name}: ${what}`);
      try {
        await measure();
      } catch (error) {
        if (bench.isOver || !(error instanceof Error)) throw error;
        console.error(`failed: ${error.message}`);
        failed.push({ what, reason: error.message.slice(0, MAX_REASON_LENGTH) });
      }
    };
    return definition.measure({ options, bench, relays, attempt });
  });
  const result: BenchResult = {
    bench: definition.name,
    measuredAt: new Date().toISOString(),
    isSmall: options.isSmall,
    environment,
    relays: relays.map(({ relay, version }) => ({ name: relay.name, version, link: relay.link })),
    notRun,
    failed,
    ...outcome,
  };
  const file = await writeBenchResult(options.resultsDirectory, result);
  print(result);
  console.log(`\nwritten to ${file}`);
  return result;
}

/** Cleans up however `work` ends, by a signal too. */
async function onWorkbench<T>(work: (bench: Workbench) => Promise<T>): Promise<T> {
  await using bench = new Workbench();
  const stopped = Promise.withResolvers<never>();
  const stop = () => stopped.reject(new Error("stopped by a signal"));
  const signals = ["SIGINT", "SIGTERM"] as const;
  for (const signal of signals) Deno.addSignalListener(signal, stop);
  try {
    return await Promise.race([work(bench), stopped.promise]);
  } finally {
    for (const signal of signals) Deno.removeSignalListener(signal, stop);
  }
}

function print(result: BenchResult): void {
  const parameters = Object.entries(result.parameters).map(([name, value]) => `${name} ${value}`).join(", ");
  console.log(`${result.bench}${result.isSmall ? " (small: these numbers mean nothing)" : ""}`);
  console.log(environmentText(result.environment));
  console.log(parameters);
  for (const { name, version, link } of result.relays) console.log(`${name} ${version}: ${link}`);
  for (const { name, reason } of result.notRun) console.log(`${name}: not run: ${reason}`);
  for (const { what, reason } of result.failed) console.log(`failed: ${what}: ${reason}`);
  for (const { relay, failures } of result.samples) {
    if (Number(failures) > 0) console.log(`${relay}: ${failures} requests failed`);
  }
  for (const table of result.tables) console.log(`\n${formatTextTable(table)}`);
}
