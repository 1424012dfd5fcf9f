/** Puts what the benches have measured into `deploy/docs/performance.md`, between its marks; the text is by hand. */
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { type BorderChart, borderCharts } from "./border_charts.ts";
import { BENCH_NAMES } from "./harness/bench_names.ts";
import { type BenchResult, readBenchResult } from "./harness/bench_result.ts";
import { environmentText } from "./harness/environment.ts";
import { formatMarkdownTable } from "./harness/text_table.ts";

export const PERFORMANCE_PAGE = fileURLToPath(new URL("../deploy/docs/performance.md", import.meta.url));
const RESULTS = fileURLToPath(new URL("results/", import.meta.url));

/** A page's mark is missing or there twice. */
export class PageMarkError extends Error {
  override name = "PageMarkError";
}

/** @throws {PageMarkError} if `page` does not hold the bench's marks exactly once */
export function replaceResult(page: string, bench: string, text: string): string {
  const begin = `<!-- result: ${bench} -->`;
  const end = `<!-- end: ${bench} -->`;
  const [before, inside, ...more] = page.split(begin);
  const [, after, ...rest] = (inside ?? "").split(end);
  if (before === undefined || after === undefined || more.length > 0 || rest.length > 0) {
    throw new PageMarkError(`the page must hold ${begin} and ${end} once`);
  }
  return `${before}${begin}\n\n${text}\n\n${end}${after}`;
}

/** A result as Markdown; null: nothing has been measured, or only in small, which does not count. */
export function resultMarkdown(result: BenchResult | null, charts: readonly BorderChart[] = []): string {
  if (result === null || result.isSmall) return "_Not measured yet._";
  const { measuredAt, environment, parameters, relays, notRun, failed, tables } = result;
  const parameterText = Object.entries(parameters).map(([name, value]) => `${name}: ${value}`).join(", ");
  const lines = [
    `Measured ${measuredAt.slice(0, 10)} on ${environmentText(environment)}. ${parameterText}.`,
    "",
    ...relays.map(({ name, version, link }) => `- ${name} (${version}). Between the nodes: ${link}.`),
    ...notRun.map(({ name, reason }) => `- ${name}: not run, ${reason}.`),
    ...failed.map(({ what }) => `- Failed: ${what}.`),
    ...charts.flatMap(({ title, fileName }) => ["", `![${title}](${fileName})`]),
  ];
  return [...lines, ...tables.flatMap((table) => ["", formatMarkdownTable(table)])].join("\n");
}

async function writePage(): Promise<void> {
  let page = await Deno.readTextFile(PERFORMANCE_PAGE);
  for (const bench of BENCH_NAMES) {
    const result = await readBenchResult(RESULTS, bench);
    const charts = bench === "border" && result !== null ? borderCharts(result) : [];
    for (const { fileName, svg } of charts) {
      await Deno.writeTextFile(join(dirname(PERFORMANCE_PAGE), fileName), svg);
    }
    page = replaceResult(page, bench, resultMarkdown(result, charts));
  }
  await Deno.writeTextFile(PERFORMANCE_PAGE, page);
}

if (import.meta.main) await writePage();
