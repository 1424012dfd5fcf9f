/** The charts that the performance page shows of the border bench: late tokens over loss, one for each kind of jitter. */
import type { BenchResult } from "./harness/bench_result.ts";
import { lineChartSvg } from "./harness/line_chart.ts";
import { median } from "./harness/statistics.ts";

export interface BorderChart {
  /** Beside the page. */
  readonly fileName: string;
  readonly title: string;
  readonly svg: string;
}

const KINDS = [
  { jitter: "none", fileName: "border-p99.svg", title: "Late tokens over a lossy link" },
  { jitter: "kept", fileName: "border-p99-jitter.svg", title: "The same with jitter of ± 10 ms" },
] as const;
/** In milliseconds; what is below counts as on time. */
const LEAST_MS = 0.2;

/** None of a result that measured fewer than two losses. */
export function borderCharts({ samples, isSmall }: BenchResult): BorderChart[] {
  if (isSmall) return [];
  return KINDS.flatMap(({ jitter, fileName, title }) => {
    const these = samples.filter((sample) => sample.jitter === jitter);
    const losses = [...new Set(these.map(({ lossPercent }) => Number(lossPercent)))].toSorted((a, b) =>
      a - b
    );
    if (losses.length < 2) return [];
    const relays = [...new Set(these.map(({ relay }) => String(relay)))];
    const lines = relays.map((name) => ({
      name,
      isOurs: name.startsWith("Lowu"),
      points: losses.flatMap((loss): [number, number][] => {
        const rounds = these.filter(({ relay, lossPercent }) => relay === name && lossPercent === loss);
        return rounds.length === 0 ? [] : [[loss, median(rounds.map(({ p99Ms }) => Number(p99Ms)))]];
      }),
    }));
    const svg = lineChartSvg({
      title,
      xLabel: "percent of packets lost each way",
      yLabel: "p99 of token delay beyond the link's own, in ms",
      leastY: LEAST_MS,
      lines,
    });
    return [{ fileName, title, svg }];
  });
}
