import assert from "node:assert/strict";
import type { LaneConnection, LaneListener } from "../../../shared/transport/lane_connection.ts";
import { closeQuietly, dialLoopback, listenOnLoopback, untilLost } from "./lane_fixture.ts";

/** More than the endpoints that are kept for another dial. */
const LANES = 10;

/** Dials all at once; the source ports are those that the listener sees. */
async function dialMany(listener: LaneListener) {
  const dialled = await Promise.all(
    Array.from({ length: LANES }, () => dialLoopback("quic", listener.localAddress)),
  );
  const accepted: LaneConnection[] = [];
  for (const lane of dialled) {
    await lane.write(new Uint8Array([1]));
    accepted.push(await listener.accept() ?? assert.fail("closed"));
  }
  return { dialled, accepted, ports: new Set(accepted.map((lane) => lane.remoteAddress.split(":")[1])) };
}

Deno.test("dialLane() gives each of many QUIC lanes to one core a source port of its own, again after all died", async () => {
  const listener = listenOnLoopback("quic");
  const others = await dialLoopback("quic", listener.localAddress);
  for (let round = 0; round < 2; round++) {
    const { dialled, accepted, ports } = await dialMany(listener);
    assert.equal(ports.size, LANES);
    assert.ok(!ports.has(others.localAddress.split(":")[1]), "and none that a living lane has");
    closeQuietly(...dialled);
    await Promise.all(accepted.map(untilLost));
    closeQuietly(...accepted);
  }
  closeQuietly(others, listener);
});
