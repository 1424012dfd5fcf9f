import assert from "node:assert/strict";
import { runSeeds, SEEDS } from "./run_seeds.ts";

Deno.test("Session keeps every exchange exact while datagrams are lost, late, repeated and out of order", () => {
  const total = runSeeds("datagram", "datagram_lanes_test.ts");
  console.log(JSON.stringify(total));
  if (SEEDS < 50) return;
  assert.ok(total.complete > total.exchanges / 2, "most exchanges complete");
  assert.ok(total.copiesUseful > total.exchanges / 10, "copies came first");
  assert.ok(total.copiesSent > total.copiesUseful, "copies came late, or were lost");
  assert.ok(total.framesDropped > 0, "frames came after their copies");
});
