/** Ten thousand peers that mean no good, as fast as they can: refused or ignored, counted, nothing kept. */
import assert from "node:assert/strict";
import type { LaneTransport } from "../../../shared/transport/lane_connection.ts";
import { dialLane } from "../../../shared/transport/lane_transport.ts";
import { eventually } from "../../support/eventually.ts";
import { randomBytes } from "../../shared/handshake/handshake_fixture.ts";
import { closeQuietly, SERVER_NAME, TRUST } from "../../shared/transport/lane_fixture.ts";
import { ListeningCore } from "./listening_core.ts";

const FLOOD = 10_000;
const AT_ONCE = 500;
/** No more than one address may have half open. */
const PLACES = 64;

/** Connects, sends junk and leaves, {@linkcode FLOOD} times. */
async function floodTcp(address: string): Promise<void> {
  const port = Number(address.split(":")[1]);
  const junk = randomBytes(64);
  let left = FLOOD;
  const assail = async () => {
    while (left-- > 0) {
      const socket = await Deno.connect({ hostname: "127.0.0.1", port });
      await socket.write(junk).catch((error) => assert.ok(error instanceof Error));
      socket.close();
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, assail));
}

/** The first packets of real QUIC clients, as a recording of the network would have them. */
async function recordFirstPackets(count: number): Promise<Uint8Array<ArrayBuffer>[]> {
  const socket = Deno.listenDatagram({ hostname: "127.0.0.1", port: 0, transport: "udp" });
  const address = `127.0.0.1:${(socket.addr as Deno.NetAddr).port}`;
  const stop = new AbortController();
  const dials = Array.from({ length: count }, () =>
    assert.rejects(dialLane({
      transport: "quic",
      address,
      serverName: SERVER_NAME,
      caCertificates: [TRUST.caPem],
      connectTimeoutMs: 10_000,
      signal: stop.signal,
    })));
  const packets: Uint8Array<ArrayBuffer>[] = [];
  while (packets.length < count) packets.push((await socket.receive())[0] as Uint8Array<ArrayBuffer>);
  stop.abort();
  await Promise.all(dials);
  socket.close();
  return packets;
}

/** Sends {@linkcode FLOOD} datagrams from many ports. */
async function floodUdp(address: string, datagrams: readonly Uint8Array<ArrayBuffer>[]): Promise<void> {
  const to = { hostname: "127.0.0.1", port: Number(address.split(":")[1]), transport: "udp" } as const;
  const sockets = Array.from(
    { length: 16 },
    () => Deno.listenDatagram({ hostname: "127.0.0.1", port: 0, transport: "udp" }),
  );
  for (let index = 0; index < FLOOD; index++) {
    const datagram = datagrams[index % datagrams.length];
    if (datagram !== undefined) await sockets[index % sockets.length]?.send(datagram, to);
  }
  for (const socket of sockets) socket.close();
}

/** Every place that the flood took is free again: as many lanes as one address may have come at once. */
async function expectEveryPlaceFree(core: ListeningCore): Promise<void> {
  const before = core.listener.counters.accepted;
  const lanes = await Promise.all(Array.from({ length: PLACES }, () => core.dial()));
  // On QUIC a lane is not seen before its first byte.
  for (const lane of lanes) await lane.write(new Uint8Array(1));
  await eventually(() => core.listener.counters.accepted === before + PLACES);
  closeQuietly(...lanes);
}

async function expectNothingKept(core: ListeningCore): Promise<void> {
  await core.untilNothingIsKept();
  await core.serveOne();
  await expectEveryPlaceFree(core);
  await core.untilNothingIsKept();
  assert.ok(core.sessions.length <= 1, "no session but the honest edge's");
}

for (const transport of ["tls", "websocket"] as const satisfies LaneTransport[]) {
  Deno.test(`10,000 connections of junk are met and forgotten, and an honest edge gets in: ${transport}`, async () => {
    // Fast enough to meet all of them within the test; at the defaults most would wait in the kernel.
    const limits = { handshakesPerSecond: 100_000, handshakeBurst: 100_000, maxHalfOpenPerAddress: PLACES };
    await using core = new ListeningCore({ transport, limits });
    await floodTcp(core.listener.localAddress);
    await eventually(() => core.met >= FLOOD, () => JSON.stringify(core.listener.counters));
    const { accepted, timedOut, acceptErrors } = core.listener.counters;
    assert.deepEqual([accepted, timedOut, acceptErrors, core.met], [0, 0, 0, FLOOD]);
    await expectNothingKept(core);
  });

  Deno.test(`connections that say nothing are dropped in time, and an honest edge gets in: ${transport}`, async () => {
    const limits = { handshakeTimeoutMs: 200, maxHalfOpenPerAddress: PLACES };
    await using core = new ListeningCore({ transport, limits });
    const port = Number(core.listener.localAddress.split(":")[1]);
    const silent = await Promise.all(
      Array.from({ length: 2 * PLACES }, () => Deno.connect({ hostname: "127.0.0.1", port })),
    );
    await eventually(
      () => core.met === 2 * PLACES,
      () => JSON.stringify(core.listener.counters),
    );
    const { limited, timedOut } = core.listener.counters;
    assert.deepEqual([limited, timedOut], [PLACES, PLACES]);
    await expectNothingKept(core);
    closeQuietly(...silent);
  });
}

Deno.test("10,000 first packets cost a QUIC listener no more than its limits, and an honest edge gets in", async () => {
  const limits = { handshakeTimeoutMs: 2_000, maxHalfOpenPerAddress: PLACES };
  const packets = await recordFirstPackets(150);
  await using core = new ListeningCore({ transport: "quic", limits });
  await floodUdp(core.listener.localAddress, packets);
  await eventually(() => core.listener.counters.limited > 0);
  // The flood has the places of this address until their time is over.
  await eventually(() => core.listener.counters.timedOut >= PLACES);
  await expectNothingKept(core);
  const { timedOut, failed } = core.listener.counters;
  assert.ok(timedOut + failed < FLOOD / 10, JSON.stringify(core.listener.counters));
});

Deno.test("10,000 datagrams of junk do not reach a QUIC listener's limits", async () => {
  await using core = new ListeningCore({ transport: "quic" });
  const junk = Array.from(
    { length: 40 },
    (_, index) => randomBytes(1 + index * 31) as Uint8Array<ArrayBuffer>,
  );
  await floodUdp(core.listener.localAddress, junk);
  await expectNothingKept(core);
  const { limited, timedOut, failed } = core.listener.counters;
  assert.deepEqual([limited, timedOut, failed], [0, 0, 0]);
});
