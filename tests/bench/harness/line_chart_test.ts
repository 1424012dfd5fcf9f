import assert from "node:assert/strict";
import { type ChartLine, lineChartSvg } from "../../../bench/harness/line_chart.ts";

const NAME_HEIGHT = 18;

function chartOf(lines: readonly ChartLine[]): string {
  return lineChartSvg({ title: "T", xLabel: "x", yLabel: "y", leastY: 0.1, lines });
}

function lineOf(name: string, ys: readonly number[]): ChartLine {
  return { name, isOurs: false, points: ys.map((y, x) => [x, y]) };
}

/** Height of the text that is exactly `content`. */
function heightOf(svg: string, content: string): number {
  const found = new RegExp(`<text x="[\\d.]+" y="([\\d.]+)"[^>]*>${content}</text>`).exec(svg);
  assert.ok(found !== null, `${content} is not in the chart`);
  return Number(found[1]);
}

Deno.test("lineChartSvg() keeps the names of lines that end together apart and within the picture", () => {
  const names = Array.from({ length: 10 }, (_, i) => `line ${i}`);
  for (const end of [0.1, 5, 1000]) {
    const svg = chartOf([...names.map((name) => lineOf(name, [1, end])), lineOf("far", [1, 10_000])]);
    const heights = names.map((name) => heightOf(svg, name)).toSorted((a, b) => a - b);
    heights.forEach((height, i) => {
      assert.ok(i === 0 || height - (heights[i - 1] ?? 0) >= NAME_HEIGHT - 0.2, `names at ${heights}`);
      assert.ok(height > 0 && height < 460);
    });
  }
});

Deno.test("lineChartSvg() draws equal ratios as equal heights and clamps what is below the axis", () => {
  const svg = chartOf([lineOf("a", [1, 10, 100, 0.001])]);
  const ys = [...svg.matchAll(/<circle cx="[\d.]+" cy="([\d.]+)"/g)].map(([, y]) => Number(y));
  const [one = 0, ten = 0, hundred = 0, below = 0] = ys;
  assert.ok(Math.abs((one - ten) - (ten - hundred)) < 0.3);
  assert.equal(below, heightOf(svg, "0.1") - 5);
});

Deno.test("lineChartSvg() escapes names and has nothing to draw without points", () => {
  assert.ok(chartOf([lineOf("a<b>&", [1, 2])]).includes("a&lt;b&gt;&amp;"));
  assert.throws(() => chartOf([lineOf("empty", [])]), RangeError);
});
