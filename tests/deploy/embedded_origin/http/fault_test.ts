import assert from "node:assert/strict";
import { FaultSyntaxError, parseFaults } from "../../../../deploy/embedded_origin/http/fault.ts";

Deno.test("parseFaults() reads names, parameters and lists", () => {
  assert.deepEqual(parseFaults("refuse"), [{ kind: "refuse" }]);
  assert.deepEqual(parseFaults("429;retry-after=7"), [{ kind: "status", status: 429, retryAfter: "7" }]);
  assert.deepEqual(parseFaults("stall;after=3"), [{ kind: "stall", after: { pieces: 3, bytes: Infinity } }]);
  assert.deepEqual(parseFaults("cut"), [{ kind: "cut", after: { pieces: 0, bytes: Infinity } }]);
  assert.deepEqual(parseFaults("informational, slow;ms=200"), [{ kind: "informational" }, {
    kind: "slow",
    ms: 200,
  }]);
});

Deno.test("parseFaults() refuses what it does not know", () => {
  for (const text of ["", "explode", "200", "slow", "slow;ms=x", "refuse;after=1", "a,b,c,d,e"]) {
    assert.throws(() => parseFaults(text), FaultSyntaxError, text);
  }
});
