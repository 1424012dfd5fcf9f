import assert from "node:assert/strict";
import { Heartbeat } from "../../../shared/tunnel/heartbeat.ts";

Deno.test("Heartbeat measures and smooths the round trip of its own tokens only", () => {
  const heartbeat = new Heartbeat({ intervalMs: 1000, now: 50 });
  assert.equal(heartbeat.dueAt, 50);
  const first = heartbeat.ping(50);
  assert.equal(heartbeat.dueAt, 1050);
  heartbeat.pong(first + 1, 60);
  heartbeat.pong(-1, 60);
  assert.equal(heartbeat.roundTripMs, null);
  heartbeat.pong(first, 90);
  assert.equal(heartbeat.roundTripMs, 40);
  heartbeat.pong(heartbeat.ping(1050), 1050 + 120);
  assert.equal(heartbeat.roundTripMs, 50);
});

Deno.test("Heartbeat forgets a token after eight more", () => {
  const heartbeat = new Heartbeat({ intervalMs: 1000, now: 0 });
  const first = heartbeat.ping(0);
  for (let i = 1; i <= 8; i++) heartbeat.ping(i * 1000);
  heartbeat.pong(first, 8500);
  assert.equal(heartbeat.roundTripMs, null);
});
