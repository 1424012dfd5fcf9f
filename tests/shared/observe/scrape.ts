import type { Metrics } from "../../../shared/observe/metrics.ts";

/** Values of a scrape by `name{labels}`, labels in the order of their names and without `node`. */
export async function scrape(metrics: Metrics): Promise<Map<string, number>> {
  const values = new Map<string, number>();
  for (const line of (await metrics.scrape()).split("\n")) {
    const match = /^(\w+)\{(.*)\} (\S+)$/.exec(line);
    if (match === null) continue;
    const labels = (match[2] ?? "").split(",").filter((label) => label !== 'node="edge"').sort().join(",");
    values.set(`${match[1]}{${labels}}`, match[3] === "Nan" ? NaN : Number(match[3]));
  }
  return values;
}
