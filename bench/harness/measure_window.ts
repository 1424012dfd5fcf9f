import type { LoadClient } from "../load/load_client.ts";
import type { LoadReport } from "../load/load_job.ts";
import type { RunningRelay } from "../relays/relay.ts";
import { type ProcessorTimes, processorUsBetween, readProcessorTimes } from "./process_tree.ts";

/** What one window of steady load has brought and cost. */
export interface MeasuredWindow {
  readonly report: LoadReport;
  /** Processor time of the relay's two nodes, in microseconds; 0 where there is no relay. */
  readonly edgeUs: number;
  readonly coreUs: number;
}

/** Lets a steady load run for `warmUpMs`, then measures it for `windowMs`. */
export async function measureWindow(
  client: LoadClient,
  { nodes }: RunningRelay,
  { warmUpMs, windowMs }: { warmUpMs: number; windowMs: number },
): Promise<MeasuredWindow> {
  await sleep(warmUpMs);
  const times = (node: "edge" | "core"): ProcessorTimes =>
    nodes === null ? new Map() : readProcessorTimes(nodes[node].pid);
  await client.startWindow();
  const edge = times("edge");
  const core = times("core");
  await sleep(windowMs);
  const edgeUs = processorUsBetween(edge, times("edge"));
  const coreUs = processorUsBetween(core, times("core"));
  const report = await client.stopWindow();
  if (report.tokens + report.exchanges === 0) {
    throw new Error(
      `nothing came within the window; ${report.failures} requests failed ${report.lastFailure}`,
    );
  }
  return { report, edgeUs, coreUs };
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
