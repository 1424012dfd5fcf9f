import assert from "node:assert/strict";
import { runSeeds, SEEDS } from "./run_seeds.ts";

Deno.test("Session keeps every exchange exact over stream lanes that stall, die and come back", () => {
  const total = runSeeds("stream", "stream_lanes_test.ts");
  console.log(JSON.stringify(total));
  if (SEEDS < 50) return;
  assert.ok(total.complete > total.exchanges / 2, "most exchanges complete");
  assert.ok(total.bytesResent > 0 && total.carrierChanges > 0, "lanes died under load");
  assert.ok(total.restarts > 0 && total.drains > 0 && total.lostSessions > 0, "sessions ended in every way");
  assert.ok(total.copiesUseful > 0, "copies on a second lane came first");
});
