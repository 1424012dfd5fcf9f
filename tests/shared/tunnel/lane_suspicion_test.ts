import assert from "node:assert/strict";
import { bytesOf, SessionPair } from "./session_pair.ts";

Deno.test("Session leaves silent lanes for one that lives, however little it was preferred", () => {
  const pair = new SessionPair({ pingIntervalMs: 2_000, laneTimeoutMs: 8_000 }, { mode: "off" });
  const udp = [pair.join({ carriesDatagrams: true }), pair.join({ carriesDatagrams: true })];
  const warm = pair.join();
  // PINGs go out at 8,000 and at 10,000: none by itself while the lanes are silent.
  pair.advance(8_400);
  const stream = pair.open("head");
  pair.advance(50);
  assert.ok(udp.some(({ edge }) => edge.carries === "tokens"));
  for (const lane of udp) lane.isBroken = true;
  stream.sendData(bytesOf("blocked"));
  pair.advance(700);
  assert.notEqual(warm.edge.carries, "nothing", "one time-out is enough");
  assert.deepEqual(pair.takeEvents().core.filter((event) => event.startsWith("data")), [
    "data 1 blocked",
  ]);
});
