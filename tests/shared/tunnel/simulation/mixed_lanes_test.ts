import assert from "node:assert/strict";
import { runSeeds, SEEDS } from "./run_seeds.ts";

Deno.test("Session keeps every exchange exact over lanes with and without datagrams", () => {
  const total = runSeeds("mixed", "mixed_lanes_test.ts");
  console.log(JSON.stringify(total));
  if (SEEDS < 50) return;
  assert.ok(total.complete > total.exchanges / 2, "most exchanges complete");
  assert.ok(total.carrierChanges > 0 && total.copiesUseful > 0, "lanes changed and copies came first");
  assert.ok(total.restarts > 0 && total.drains > 0 && total.lostSessions > 0, "sessions ended in every way");
});
