/** An edge whose UDP does not get through: from its start on, or later under load, and what happens when it does again. */
import assert from "node:assert/strict";
import { epochMs, until } from "../e2e/support/until.ts";
import type { Border } from "./support/border.ts";
import type { NodeName } from "./support/border_configuration.ts";
import { assertAllWhole, assertNothingRemains, pause } from "./support/checks.ts";
import { testBorder, testPreparedBorder } from "./support/test_border.ts";

const SERVING_WITHIN_MS = 6000;
const BACK_WITHIN_MS = 60_000;
/** Long enough for the waits between dials over UDP to have grown. */
const BLOCKED_MS = 5000;

/** Lanes over that transport on which edge and core send tokens now. */
async function tokenLanes(border: Border, transport: string): Promise<number[]> {
  const nodes: readonly NodeName[] = ["edge", "core-1"];
  const counts = nodes.flatMap((node) =>
    ["tokens", "both"].map((state) => ({ node, labels: [`transport="${transport}"`, `state="${state}"`] }))
  );
  return await Promise.all(
    counts.map(({ node, labels }) => border.metric(node, "lowu_tunnel_lanes", labels)),
  );
}

/** Resolves when both nodes send tokens over that transport. */
async function tokensAreOn(border: Border, transport: string): Promise<void> {
  await until(
    `tokens are on ${transport}`,
    async () => (await tokenLanes(border, transport)).reduce((sum, count) => sum + count) === 2 || null,
    { timeoutMs: BACK_WITHIN_MS },
  );
}

testPreparedBorder("an edge without UDP serves within 6 s of its start", {}, async (border) => {
  border.start("core-1");
  await until("the core listens", async () => await border.isUp("core-1") || null);
  await border.link.dropUdp(true);
  const startedAt = epochMs();
  border.start("edge");
  const { atMs } = await border.client.ask({ kind: "first answer", target: border.target });
  const servesAfterMs = atMs - startedAt;
  console.log({ servesAfterMs });
  assert.ok(servesAfterMs < SERVING_WITHIN_MS, `serves after ${servesAfterMs} ms`);
});

testBorder("tokens leave QUIC when UDP is dropped and are back on it when it returns", {}, async (border) => {
  const { client, target, link } = border;
  const load = { target, connections: 2, streams: 100, isRepeated: true, tokens: 40, intervalMs: 100 };
  await client.ask({ kind: "tokens", options: load });
  await tokensAreOn(border, "quic");

  await link.dropUdp(true);
  await tokensAreOn(border, "tls");
  await until(
    "the edge takes UDP for blocked",
    async () => await border.metric("edge", "lowu_tunnel_udp_blocked") === 1 || null,
    { timeoutMs: BACK_WITHIN_MS },
  );
  await pause(BLOCKED_MS);

  await link.dropUdp(false);
  const passesAt = performance.now();
  await tokensAreOn(border, "quic");
  const backAfterMs = performance.now() - passesAt;
  const report = await client.ask({ kind: "finish tokens" });
  console.log({ backAfterMs, report });
  assert.ok(backAfterMs < BACK_WITHIN_MS, `back after ${backAfterMs} ms`);
  assertAllWhole(report);
  await assertNothingRemains(border);
});
