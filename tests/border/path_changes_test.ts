/** Streams over a path that changes its address, goes dark, loses in bursts or delivers in disorder. */
import assert from "node:assert/strict";
import type { Border } from "./support/border.ts";
import { assertAllWhole, assertNothingRemains, pause } from "./support/checks.ts";
import { testBorder } from "./support/test_border.ts";
import type { TokenReport } from "./support/token_load.ts";

const STREAMS = 100;
const INTERVAL_MS = 100;

interface Weather {
  readonly seconds: number;
  /** What the network does; the streams go on until it is done, and longer. */
  happen(border: Border): Promise<void>;
}

/** Keeps streams and bulk bodies going in that weather, and checks every byte. */
async function liveThrough(border: Border, { seconds, happen }: Weather): Promise<TokenReport> {
  const { client, target } = border;
  const load = { target, connections: 2, streams: STREAMS, isRepeated: false };
  const tokens = seconds * 1000 / INTERVAL_MS;
  await client.ask({ kind: "tokens", options: { ...load, tokens, intervalMs: INTERVAL_MS } });
  const bulk = { target, connections: 1, streams: 1, isRepeated: true, bodyBytes: 100_000 };
  await client.ask({ kind: "echoes", options: bulk });
  await happen(border);
  const report = await client.ask({ kind: "finish tokens" });
  const echoes = await client.ask({ kind: "finish echoes" });
  assertAllWhole(report, STREAMS);
  assertAllWhole(echoes);
  return report;
}

testBorder("a NAT that forgets its bindings loses nothing", {}, async (border) => {
  const { longestGapMs } = await liveThrough(border, {
    seconds: 8,
    async happen({ link }) {
      for (let times = 0; times < 3; times++) {
        await pause(1500);
        await link.rebind();
      }
    },
  });
  const lanesLost = await border.metric("edge", "lowu_tunnel_lanes_closed_total");
  console.log({ longestGapMs, lanesLost });
  await assertNothingRemains(border);
});

testBorder("five seconds in the dark lose nothing", {}, async (border) => {
  const { longestGapMs } = await liveThrough(border, {
    seconds: 10,
    async happen({ link }) {
      await pause(1500);
      await link.blackout(5000);
    },
  });
  console.log({ longestGapMs });
  await assertNothingRemains(border);
});

testBorder(
  "losses in bursts and jitter lose and repeat nothing, and copies come first",
  {},
  async (border) => {
    const { link } = border;
    // One percent, four packets at a time.
    await link.setBurstLoss({ badPercent: 0.25, goodPercent: 25, lossWhileBadPercent: 100 });
    const usefulCopies = () => border.metric("edge", "lowu_tunnel_copies_useful_total");
    for (const reorder of [false, true]) {
      await link.setJitter(10, { reorder });
      const before = await usefulCopies();
      const { longestGapMs } = await liveThrough(border, { seconds: 6, happen: () => Promise.resolve() });
      const useful = await usefulCopies() - before;
      console.log({ reorder, longestGapMs, useful });
      assert.ok(useful > 0);
    }
    await assertNothingRemains(border);
  },
);
