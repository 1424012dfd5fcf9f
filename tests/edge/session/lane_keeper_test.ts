import assert from "node:assert/strict";
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
