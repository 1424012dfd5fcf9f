import assert from "node:assert/strict";
import type { LaneConnection } from "../../../shared/transport/lane_connection.ts";
import { closeQuietly, connectPair, readExactly, untilLost, writeAll } from "./lane_fixture.ts";

/** What a path of the smallest MTU that QUIC allows takes (RFC 9000 §14.1), less headers. */
const LEAST_BYTES = 1100;

function datagramsOf(lane: LaneConnection) {
  return lane.datagrams ?? assert.fail("no datagrams");
}

Deno.test("LaneDatagrams carries datagrams of all sizes in both directions, beside the byte pipe", async () => {
  const { dialled, accepted, listener } = await connectPair("quic");
  for (const [near, far] of [[dialled, accepted], [accepted, dialled]] as const) {
    assert.ok(datagramsOf(near).maxBytes >= LEAST_BYTES);
    for (const length of [0, 1, 100, LEAST_BYTES]) {
      const sent = crypto.getRandomValues(new Uint8Array(length));
      const expected = sent.slice();
      const sending = datagramsOf(near).send(sent);
      await writeAll(near, new Uint8Array([length & 0xff]));
      assert.deepEqual([...await readExactly(far, 1)], [length & 0xff]);
      await sending;
      sent.fill(0);
      assert.deepEqual([...await datagramsOf(far).receive()], [...expected]);
    }
  }
  closeQuietly(dialled, accepted, listener);
});

Deno.test("LaneDatagrams.send() drops what is larger than the path takes and goes on", async () => {
  const { dialled, accepted, listener } = await connectPair("quic");
  await datagramsOf(dialled).send(new Uint8Array(60_000).fill(1));
  await datagramsOf(dialled).send(new Uint8Array([2]));
  assert.deepEqual([...await datagramsOf(accepted).receive()], [2]);
  closeQuietly(dialled, accepted, listener);
});

Deno.test("LaneDatagrams.maxBytes grows as the path's MTU is found", async () => {
  const { dialled, accepted, listener } = await connectPair("quic");
  const first = datagramsOf(dialled).maxBytes;
  // Probes ride along with what is sent: bounded rounds of echo.
  for (let round = 0; round < 500 && datagramsOf(dialled).maxBytes === first; round++) {
    await writeAll(dialled, new Uint8Array(1));
    await writeAll(accepted, await readExactly(accepted, 1));
    await readExactly(dialled, 1);
  }
  const { maxBytes } = datagramsOf(dialled);
  assert.ok(maxBytes > first, `${maxBytes} after ${first}`);
  const largest = new Uint8Array(maxBytes).fill(3);
  await datagramsOf(dialled).send(largest);
  assert.deepEqual(await datagramsOf(accepted).receive(), largest);
  closeQuietly(dialled, accepted, listener);
});

Deno.test("LaneDatagrams rejects on a lane that is gone, at both ends", async () => {
  const { dialled, accepted, listener } = await connectPair("quic");
  const pending = [
    assert.rejects(datagramsOf(dialled).receive()),
    assert.rejects(datagramsOf(accepted).receive()),
  ];
  dialled.close();
  await Promise.all(pending);
  await untilLost(accepted);
  for (const lane of [dialled, accepted]) {
    await assert.rejects(datagramsOf(lane).send(new Uint8Array(1)));
    await assert.rejects(datagramsOf(lane).receive());
  }
  closeQuietly(accepted, listener);
});

Deno.test("LaneConnection.datagrams is null over TCP", async () => {
  const { dialled, accepted, listener } = await connectPair("tls");
  assert.deepEqual([dialled.datagrams, accepted.datagrams], [null, null]);
  closeQuietly(dialled, accepted, listener);
});
