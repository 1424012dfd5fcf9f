/** Nodes that are restarted under load: what can go on is not cut, and what cannot gets a typed end. */
import assert from "node:assert/strict";
import type { ConfigFile } from "../e2e/support/relay.ts";
import { until } from "../e2e/support/until.ts";
import type { Border } from "./support/border.ts";
import type { NodeName } from "./support/border_configuration.ts";
import { assertAllWhole, assertNothingRemains, pause } from "./support/checks.ts";
import { testBorder } from "./support/test_border.ts";

const CORES = ["core-1", "core-2"] as const;
const LOSS_PERCENT = 1;
/** Each stream lasts two seconds. */
const SHORT = { connections: 2, streams: 100, isRepeated: true, tokens: 20, intervalMs: 100 };
/** Each stream lasts longer than the grace below. */
const LONG = { connections: 2, streams: 100, isRepeated: false, tokens: 60, intervalMs: 100 };
const SHORT_GRACE_MS = 1500;

/** Tells a node to stop; resolves when it has drained and ended by itself. */
async function drain(border: Border, name: NodeName): Promise<void> {
  const child = border.process(name);
  Deno.kill(child.pid, "SIGTERM");
  await assert.rejects(child.ended(), /ended with 0\n[^]*"event":"drained"/);
}

/** Resolves when each core is given streams of the load: an edge leaves one out as long as it seems farther away. */
async function bothServe(border: Border): Promise<void> {
  const counts = () => Promise.all(CORES.map((name) => border.metric(name, "lowu_tunnel_streams_total")));
  await until("both cores serve", async () => {
    const before = await counts();
    await pause(500);
    const after = await counts();
    return after.every((count, index) => count > (before[index] ?? 0) + 10) || null;
  }, { timeoutMs: 60_000 });
}

testBorder("cores are restarted in turn under load and nothing is cut", { cores: 2 }, async (border) => {
  const { client, target, link } = border;
  await link.setLoss(LOSS_PERCENT);
  await client.ask({ kind: "tokens", options: { ...SHORT, target } });
  await bothServe(border);
  for (const name of CORES) {
    await drain(border, name);
    border.start(name);
    await border.ready(name);
    await bothServe(border);
  }
  const report = await client.ask({ kind: "finish tokens" });
  console.log(report);
  assertAllWhole(report);
  await assertNothingRemains(border, ["edge", ...CORES]);
});

const ENDINGS = {
  "stopped, beyond its grace": (border: Border) => drain(border, "core-1"),
  async killed(border: Border) {
    const child = border.process("core-1");
    Deno.kill(child.pid, "SIGKILL");
    await assert.rejects(child.ended());
    // The one that comes in its place does not know the session, which ends at once.
    border.start("core-1");
  },
};

for (const [how, end] of Object.entries(ENDINGS)) {
  const core = (config: ConfigFile) => config.tunnel.drain_grace_ms = SHORT_GRACE_MS;
  testBorder(
    `a core that is ${how}: its streams get a typed end, those of the other core go on`,
    { cores: 2, core },
    async (border) => {
      const { client, target } = border;
      await client.ask({ kind: "tokens", options: { ...SHORT, target } });
      await bothServe(border);
      await client.ask({ kind: "finish tokens" });
      await client.ask({ kind: "tokens", options: { ...LONG, target } });
      await end(border);
      const { outcomes, open } = await client.ask({ kind: "finish tokens" });
      console.log({ outcomes, open });
      assert.equal(open, 0);
      assert.deepEqual(Object.keys(outcomes).toSorted(), ["error event tunnel_lost", "whole"]);
      await assertNothingRemains(border, ["edge", "core-2"]);
    },
  );
}

testBorder("an edge that is restarted under load finishes its streams", {}, async (border) => {
  const { client, target, link } = border;
  await link.setLoss(LOSS_PERCENT);
  await client.ask({ kind: "tokens", options: { ...SHORT, target } });
  const drained = drain(border, "edge");
  await until(
    "the edge drains",
    () => Promise.resolve(border.process("edge").logTail().includes('"event":"draining"') || null),
  );
  border.start("next-edge");
  await drained;
  await until(
    "the next edge serves",
    async () => await border.metric("next-edge", "lowu_tunnel_streams_total") > SHORT.streams || null,
  );
  const report = await client.ask({ kind: "finish tokens" });
  console.log(report);
  assertAllWhole(report);
  assert.equal(report.dials, 2 * SHORT.connections);
  await assertNothingRemains(border, ["next-edge", "core-1"]);
});

testBorder(
  "an edge that is stopped, beyond its grace: no stream ends as if it were complete",
  { edge: (config) => config.listener.drain_grace_ms = SHORT_GRACE_MS },
  async (border) => {
    const { client, target } = border;
    await client.ask({ kind: "tokens", options: { ...LONG, target } });
    await drain(border, "edge");
    const { outcomes } = await client.ask({ kind: "finish tokens" });
    console.log({ outcomes });
    for (const outcome of Object.keys(outcomes)) assert.match(outcome, /^(cut: .*|error event \w+)$/);
    await assertNothingRemains(border, ["core-1"]);
  },
);
