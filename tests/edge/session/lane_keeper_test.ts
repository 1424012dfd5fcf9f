import assert from "node:assert/strict";
import { eventually } from "../../support/eventually.ts";
import { listenOnLoopback } from "../../shared/transport/lane_fixture.ts";
import { LinkedCore, TestLink } from "./linked_core.ts";

Deno.test("LaneKeeper gives up a lane that introduces itself when another was faster", async () => {
  await using core = new LinkedCore({ transports: ["tls", "websocket"] });
  await using edge = new TestLink(core.routes, { lanes: 1 });
  await edge.untilLanes("tls");
  const tls = core.tcp.get("tls");
  assert.ok(tls !== undefined);
  // From now on TLS leads to one that says nothing.
  const silent = listenOnLoopback("tls");
  const accepted = silent.accept();
  tls.target = silent.localAddress;
  tls.cut();
  const unheard = await accepted;
  await edge.untilLanes("websocket");
  const buffer = new Uint8Array(4096);
  while (await unheard?.read(buffer).catch(() => null) != null);
  assert.equal(edge.link.counters.sessionsResumed, 1);
  assert.deepEqual(edge.log.of("tunnel_fault"), []);
  unheard?.close();
  silent.close();
});

Deno.test("LaneKeeper counts a lane again that was silent and brings something", async () => {
  await using core = new LinkedCore({ transports: ["quic"], limits: { laneTimeoutMs: 60_000 } });
  await using edge = new TestLink(core.routes, { lanes: 1 });
  await edge.untilLanes("quic");
  const [first] = edge.link.session?.lanes ?? assert.fail();
  core.udp.isBlocked = true;
  await eventually(() => core.udp.sources.size === 2);
  core.udp.isBlocked = false;
  await edge.untilLanes("quic", "quic");
  const lanes = [...(edge.link.session?.lanes ?? [])];
  const heardAt = () => first?.lane.lastReceivedAt ?? assert.fail();
  const unblockedAt = Math.max(...lanes.map(({ lane }) => lane.lastReceivedAt));
  await eventually(() => heardAt() > unblockedAt + 300);
  lanes.find((lane) => lane !== first)?.fail(new Error("cut by the test"));
  const from = heardAt();
  await eventually(() => heardAt() > from + 500);
  assert.deepEqual([edge.transports, core.udp.sources.size], [["quic"], 2], "one is enough");
});
