import assert from "node:assert/strict";
import { until } from "../../e2e/support/until.ts";
import type { Border } from "./border.ts";
import type { NodeName } from "./border_configuration.ts";
import type { StreamReport } from "./stream_load.ts";

/** Lets the network do what it does for a while: what is tested is what happens meanwhile. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** @param count of streams; null: any, but some */
export function assertAllWhole({ outcomes, open }: StreamReport, count: number | null = null): void {
  assert.deepEqual({ outcomes, open }, { outcomes: { whole: count ?? outcomes.whole }, open: 0 });
  assert.ok((outcomes.whole ?? 0) > 0, "no stream ended");
}

const ZERO_AT_REST = ["lowu_tunnel_streams_active", "lowu_tunnel_retained_bytes", "lowu_tunnel_held_bytes"];

/** The edge's own probes come and go, so each metric is asked for until it is zero. */
export async function assertNothingRemains(
  border: Border,
  nodes: readonly NodeName[] = ["edge", "core-1"],
): Promise<void> {
  for (const node of nodes) {
    for (const metric of ZERO_AT_REST) {
      await until(
        `${metric} of ${node} is zero`,
        async () => await border.metric(node, metric) === 0 || null,
      );
    }
  }
}
