/** How long it takes until the origin knows that a client has left, across the border. */
import assert from "node:assert/strict";
import { DELAY_MS } from "./support/border.ts";
import { testBorder } from "./support/test_border.ts";

const LEAVINGS = 15;
/** What the product promises: one round trip and 50 ms. */
const PROMISED_MS = 2 * DELAY_MS + 50;
/** For machines on which other tests run at the same time. */
const GUARD_FACTOR = 3;

/** Nothing is on the way when the client leaves: no other packet tells of the loss of the one that says so. */
testBorder(
  "a client that leaves in silence is known at the origin a round trip later",
  {},
  async (border) => {
    const { client, far, target, link, originUrl } = border;
    for (const lossPercent of [0, 3]) {
      await link.setLoss(lossPercent);
      for (const how of ["reset", "close"] as const) {
        const tookMs: number[] = [];
        for (let number = 0; number < LEAVINGS; number++) {
          const id = `leave-${lossPercent}-${how}-${number}`;
          const { atMs } = await client.ask({ kind: "leave", options: { target, id, how } });
          const seen = await far.ask({ kind: "get", url: `${originUrl}/debug/requests/${id}?until=ended` });
          const record = JSON.parse(seen?.text ?? "");
          assert.equal(record.state, "aborted");
          tookMs.push(record.endedAt - atMs);
        }
        const sorted = tookMs.toSorted((a, b) => a - b);
        const medianMs = sorted[Math.floor(LEAVINGS / 2)] ?? NaN;
        console.log({ lossPercent, how, medianMs, slowestMs: sorted.at(-1), promisedMs: PROMISED_MS });
        assert.ok(medianMs < GUARD_FACTOR * PROMISED_MS, `${medianMs} ms`);
      }
    }
  },
);
