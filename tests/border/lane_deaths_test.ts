/** A thousand streams over lanes that die at random moments. `LOWU_SEED` repeats the moments. */
import assert from "node:assert/strict";
import { Random } from "../shared/tunnel/simulation/random.ts";
import type { Border } from "./support/border.ts";
import { assertAllWhole, assertNothingRemains, pause } from "./support/checks.ts";
import { testBorder } from "./support/test_border.ts";

const STREAMS = 1000;
const INTERVAL_MS = 500;
/** So many tokens of a stream take the time of all that happens, and some. */
const TOKENS = 56;
const HARM_MS = 20_000;
const LOSS_PERCENT = 1;
/** Less came over the link meanwhile than the streams bring in a fraction of it: lanes are being dialled. */
const QUIET_BYTES = 100_000;

/** Lets the busiest lane die again and again: in silence while UDP gets through, by RST over TCP afterwards. */
async function killLanes({ link }: Border, random: Random): Promise<{ silent: number; reset: number }> {
  const killed = { silent: 0, reset: 0 };
  const startedAt = performance.now();
  let isUdpDropped = false;
  let arrived = (await link.stats()).bToA.sentBytes;
  for (let elapsedMs = 0; elapsedMs < HARM_MS; elapsedMs = performance.now() - startedAt) {
    await pause(random.between(500, 2000));
    const before = arrived;
    arrived = (await link.stats()).bToA.sentBytes;
    // What is dialled is no lane yet: to kill that over and over is a link that is down.
    if (arrived - before < QUIET_BYTES) continue;
    if (!isUdpDropped && elapsedMs > HARM_MS / 2) {
      isUdpDropped = true;
      await link.dropUdp(true);
    }
    const cut = await link.cutBusiest({ isReset: isUdpDropped });
    if (cut !== null) killed[isUdpDropped && cut.flow.startsWith("tcp") ? "reset" : "silent"]++;
  }
  await link.dropUdp(false);
  return killed;
}

testBorder(
  "1,000 streams lose and repeat no byte while lanes are killed at random",
  {},
  async (border, seed) => {
    const { client, target, link } = border;
    await link.setLoss(LOSS_PERCENT);
    const load = { target, connections: 10, streams: STREAMS, isRepeated: false };
    await client.ask({ kind: "tokens", options: { ...load, tokens: TOKENS, intervalMs: INTERVAL_MS } });
    const bulk = { target, connections: 1, streams: 2, isRepeated: true, bodyBytes: 200_000 };
    await client.ask({ kind: "echoes", options: bulk });

    const killed = await killLanes(border, new Random(seed));

    const report = await client.ask({ kind: "finish tokens" });
    const echoes = await client.ask({ kind: "finish echoes" });
    const resumes = {
      edge: await border.metric("edge", "lowu_tunnel_resumes_total"),
      core: await border.metric("core-1", "lowu_tunnel_resumes_total"),
    };
    console.log({ killed, resumes, report, echoes });
    assertAllWhole(report, STREAMS);
    assertAllWhole(echoes);
    assert.ok(killed.silent > 0 && killed.reset > 0, "no lane was killed");
    assert.ok(resumes.edge > 0 && resumes.core > 0);
    await assertNothingRemains(border);
  },
);
