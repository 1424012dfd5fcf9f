import assert from "node:assert/strict";
import type { LaneDriver } from "../../../shared/session/lane_driver.ts";
import type { SessionDriver } from "../../../shared/session/session_driver.ts";
import { eventually } from "../../support/eventually.ts";
import { ManualClock } from "../../support/manual_clock.ts";
import { answerHead } from "../../support/recorded_exchange.ts";
import { JoinedSessions } from "./joined_sessions.ts";

const BODY_BYTES = 200_000;

function carrierOf(driver: SessionDriver, log: "tokens" | "bulk"): LaneDriver | undefined {
  return [...driver.lanes].find(({ lane }) => lane.carries === log);
}

Deno.test("a body that is announced as large leaves the tokens' lane alone, in both directions", async () => {
  const clock = new ManualClock();
  await using sessions = new JoinedSessions({ clock });
  await sessions.join();
  await sessions.join();
  await eventually(() => {
    clock.advance(20);
    return [sessions.edge, sessions.core].every((driver) => carrierOf(driver, "bulk") !== undefined);
  });
  const lanes = [sessions.edge, sessions.core].map((driver) => ({
    tokens: carrierOf(driver, "tokens") ?? assert.fail("no lane for tokens"),
    bulk: carrierOf(driver, "bulk") ?? assert.fail("no lane for bulk"),
  }));
  const { request, answer } = sessions.ask({ head: { contentLength: BODY_BYTES } });
  request.body(new Uint8Array(BODY_BYTES));
  request.end(null);
  const served = await sessions.origin.request(0);
  await served.until("end");
  served.answer.head(answerHead({ contentLength: BODY_BYTES }));
  served.answer.body(new Uint8Array(BODY_BYTES));
  served.answer.end(null);
  await answer.until("end");
  assert.deepEqual([served.bodyBytes, answer.bodyBytes], [BODY_BYTES, BODY_BYTES]);
  for (const { tokens, bulk } of lanes) {
    assert.ok(bulk.sentBytes > BODY_BYTES, `${bulk.sentBytes} on the lane for bulk`);
    assert.ok(tokens.sentBytes < BODY_BYTES / 10, `${tokens.sentBytes} on the lane for tokens`);
  }
});
