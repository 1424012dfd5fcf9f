import { join } from "node:path";
import type { BenchEnvironment } from "./environment.ts";
import type { ResultTable } from "./text_table.ts";

/** What one run of a bench leaves in `bench/results/<bench>.json`. */
export interface BenchResult {
  readonly bench: string;
  /** ISO 8601, UTC. */
  readonly measuredAt: string;
  readonly isSmall: boolean;
  readonly environment: BenchEnvironment;
  /** Name and version of each relay that was measured. */
  readonly relays: readonly { readonly name: string; readonly version: string; readonly link: string }[];
  readonly notRun: readonly { readonly name: string; readonly reason: string }[];
  /** What could not be measured, though it was installed. */
  readonly failed: readonly { readonly what: string; readonly reason: string }[];
  /** How it was measured: rates, streams, seconds. */
  readonly parameters: Readonly<Record<string, string | number>>;
  readonly tables: readonly ResultTable[];
  /** Every measured number behind the tables. */
  readonly samples: readonly Readonly<Record<string, string | number>>[];
}

export async function writeBenchResult(directory: string, result: BenchResult): Promise<string> {
  await Deno.mkdir(directory, { recursive: true });
  const file = join(directory, `${result.bench}.json`);
  await Deno.writeTextFile(file, `${JSON.stringify(result, null, 2)}\n`);
  return file;
}

/** Null if the bench has left no result. */
export async function readBenchResult(directory: string, bench: string): Promise<BenchResult | null> {
  try {
    return JSON.parse(await Deno.readTextFile(join(directory, `${bench}.json`)));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}
