/**
 * Lines over a linear axis with a logarithmic one upwards, as an SVG that can be read on a phone, on light and on dark
 * pages. Each line bears its name at its end; names are pushed apart where ends are close.
 */

export interface ChartLine {
  readonly name: string;
  /** Drawn strong, in a colour of its own. */
  readonly isOurs: boolean;
  /** By rising x; a y below the chart's least is drawn at the bottom. */
  readonly points: readonly (readonly [x: number, y: number])[];
}

export interface LineChart {
  readonly title: string;
  readonly xLabel: string;
  readonly yLabel: string;
  /** Above 0; the upward axis does not begin below. */
  readonly leastY: number;
  readonly lines: readonly ChartLine[];
}

const WIDTH = 520;
const HEIGHT = 460;
const PLOT = { left: 48, right: 360, top: 62, bottom: 408 } as const;
const NAME_HEIGHT = 18;
const NAME_X = PLOT.right + 20;

/** Light and dark, for ours and for others, in their order. */
const OURS = [["#0b57d0", "#6db3ff"], ["#0a7d84", "#3fd0d6"], ["#5a45c8", "#a99cff"]] as const;
const OTHERS = [
  ["#4b7f2c", "#93c572"],
  ["#b35c00", "#f0a04b"],
  ["#8d4fa8", "#cf9be6"],
  ["#b3303d", "#f08a93"],
  ["#75634a", "#c5b291"],
  ["#c0308a", "#f391cf"],
  ["#56646f", "#a7b5c0"],
] as const;

interface DrawnLine {
  readonly line: ChartLine;
  readonly className: string;
  readonly places: readonly (readonly [x: number, y: number])[];
  readonly nameY: number;
}

/** @throws {RangeError} without a point */
export function lineChartSvg(chart: LineChart): string {
  const lines = chart.lines.filter(({ points }) => points.length > 0);
  const xs = [...new Set(lines.flatMap(({ points }) => points.map(([x]) => x)))].toSorted((a, b) => a - b);
  const ys = lines.flatMap(({ points }) => points.map(([, y]) => y));
  if (ys.length === 0) throw new RangeError("a chart of nothing");
  const least = Math.max(chart.leastY, Math.min(...ys));
  const mostY = Math.max(...ys, least * 10);
  const leastY = ticks(least / 10, least).at(-1) ?? least;
  const [firstX = 0] = xs;
  const spanX = Math.max(1, (xs.at(-1) ?? 0) - firstX);
  const xAt = (x: number) => PLOT.left + (PLOT.right - PLOT.left) * (x - firstX) / spanX;
  const yAt = (y: number) => {
    const share = Math.log(Math.max(y, leastY) / leastY) / Math.log(mostY / leastY);
    return PLOT.bottom - (PLOT.bottom - PLOT.top) * share;
  };
  const drawn = placeNames(lines, ([x, y]) => [xAt(x), yAt(y)]);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" ` +
    `height="${HEIGHT}" role="img" font-family="system-ui, sans-serif" font-size="15">`,
    `<title>${escaped(chart.title)}</title>`,
    `<style>${style(drawn)}</style>`,
    `<rect class="page" width="${WIDTH}" height="${HEIGHT}" rx="8"/>`,
    text([16, 27], chart.title, `class="ink" font-size="17" font-weight="600"`),
    text([16, 48], chart.yLabel, `class="faint"`),
    ...ticks(leastY, mostY).map((y) =>
      `<path class="grid" d="M${PLOT.left} ${px(yAt(y))}H${PLOT.right}"/>` +
      text([PLOT.left - 7, yAt(y) + 5], String(y), `class="faint" text-anchor="end"`)
    ),
    ...xs.map((x) => text([xAt(x), PLOT.bottom + 21], String(x), `class="faint" text-anchor="middle"`)),
    text([(PLOT.left + PLOT.right) / 2, HEIGHT - 12], chart.xLabel, `class="faint" text-anchor="middle"`),
    ...drawn.map(lineSvg),
    "</svg>\n",
  ].join("\n");
}

/** 1, 2 and 5 of each power of ten between the two. */
function ticks(least: number, most: number): number[] {
  const found: number[] = [];
  for (let power = Math.floor(Math.log10(least)); power <= Math.log10(most); power++) {
    for (const step of [1, 2, 5]) found.push(Number((step * 10 ** power).toPrecision(1)));
  }
  return found.filter((tick) => tick >= least * 0.999 && tick <= most * 1.001);
}

/** Gives every line its colour and its name a height of its own, as near to the line's end as there is room. */
function placeNames(
  lines: readonly ChartLine[],
  place: (point: readonly [number, number]) => [number, number],
): DrawnLine[] {
  let ours = 0;
  let others = 0;
  const ends = lines.map((line) => {
    const places = line.points.map(place);
    const className = line.isOurs ? `a${ours++ % OURS.length}` : `b${others++ % OTHERS.length}`;
    return { line, className, places, endY: places.at(-1)?.[1] ?? 0 };
  }).toSorted((a, b) => a.endY - b.endY);
  const heights = ends.map(({ endY }) => endY);
  // Down from the top, then up from the bottom for what was pushed out.
  for (let i = 1; i < heights.length; i++) {
    heights[i] = Math.max(heights[i] ?? 0, (heights[i - 1] ?? 0) + NAME_HEIGHT);
  }
  let below = PLOT.bottom + NAME_HEIGHT;
  for (let i = heights.length - 1; i >= 0; i--) {
    below = Math.min(heights[i] ?? 0, below - NAME_HEIGHT);
    heights[i] = below;
  }
  return ends.map(({ line, className, places }, i) => ({ line, className, places, nameY: heights[i] ?? 0 }));
}

function lineSvg({ line, className, places, nameY }: DrawnLine): string {
  const [endX = 0, endY = 0] = places.at(-1) ?? [];
  const path = places.map(([x, y], i) => `${i === 0 ? "M" : "L"}${px(x)} ${px(y)}`).join("");
  const dots = places.map(([x, y]) => `<circle cx="${px(x)}" cy="${px(y)}" r="${line.isOurs ? 4 : 3}"/>`);
  return `<g class="${className}"><path class="line" d="${path}"/>` +
    `<path class="lead" d="M${px(endX + 5)} ${px(endY)}L${px(NAME_X - 4)} ${px(nameY)}"/>${dots.join("")}` +
    text([NAME_X, nameY + 5], line.name, line.isOurs ? `font-weight="600"` : "") + "</g>";
}

function style(drawn: readonly DrawnLine[]): string {
  const used = new Set(drawn.map(({ className }) => className));
  const colours = [
    ...OURS.map((pair, i) => [`a${i}`, ...pair] as const),
    ...OTHERS.map((pair, i) => [`b${i}`, ...pair] as const),
  ].filter(([className]) => used.has(className));
  const rules = (theme: 1 | 2, [page, ink, faint, grid]: readonly [string, string, string, string]) =>
    `.page{fill:${page}}.ink{fill:${ink}}.faint{fill:${faint}}.grid{stroke:${grid}}` +
    colours.map((colour) => `.${colour[0]}{stroke:${colour[theme]};fill:${colour[theme]}}`).join("");
  return "text{stroke:none}.line{fill:none;stroke-width:1.6}.lead{fill:none;stroke-width:.7;opacity:.6}" +
    [0, 1, 2].map((i) => `.a${i} .line{stroke-width:3.2}`).join("") +
    rules(1, ["#ffffff", "#1c2024", "#57606a", "#e3e6ea"]) +
    `@media(prefers-color-scheme:dark){${rules(2, ["#15191e", "#e8ecf0", "#a3adb8", "#2c333b"])}}`;
}

function text([x, y]: readonly [number, number], content: string, attributes: string): string {
  return `<text x="${px(x)}" y="${px(y)}" ${attributes}>${escaped(content)}</text>`;
}

function px(value: number): string {
  return String(Math.round(value * 10) / 10);
}

function escaped(content: string): string {
  return content.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
