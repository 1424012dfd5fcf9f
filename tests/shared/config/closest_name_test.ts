import assert from "node:assert/strict";
import { closestName } from "../../../shared/config/closest_name.ts";

Deno.test("closestName() finds the name that was meant", () => {
  const names = ["ca_file", "cores", "max_streams", "max_waiting"];
  assert.equal(closestName("ca-file", names), "ca_file");
  assert.equal(closestName("croes", names), "cores");
  assert.equal(closestName("max_stream", names), "max_streams");
  assert.equal(closestName("MaxWaiting", names), "max_waiting");
});

Deno.test("closestName() does not guess wildly", () => {
  assert.equal(closestName("listener", ["ca_file", "cores"]), null);
  assert.equal(closestName("x".repeat(100), ["x"]), null);
  assert.equal(closestName("", ["name"]), null);
});
