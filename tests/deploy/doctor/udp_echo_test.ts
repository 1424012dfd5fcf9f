import assert from "node:assert/strict";
import { echoUdp } from "../../../deploy/doctor/udp_echo.ts";
import { SYSTEM_CLOCK } from "../../../shared/clock/clock.ts";

/** A port that answers the probes for which `answers` says so, as a QUIC server does. */
function respond(answers: (index: number) => boolean) {
  const socket = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  const answering = (async () => {
    for await (const [probe, from] of socket) {
      const index = new DataView(probe.buffer, probe.byteOffset).getUint32(19);
      if (!answers(index)) continue;
      const answer = [
        0x80,
        0,
        0,
        0,
        0,
        8,
        ...probe.subarray(15, 23),
        8,
        ...probe.subarray(6, 14),
        0,
        0,
        0,
        1,
      ];
      await socket.send(Uint8Array.from(answer), from);
    }
  })();
  const { addr } = socket;
  assert.ok(addr.transport === "udp");
  return {
    port: addr.port,
    async [Symbol.asyncDispose]() {
      socket.close();
      await answering;
    },
  };
}

const SERIES = { clock: SYSTEM_CLOCK, intervalMs: 1, waitMs: 50 };

Deno.test("echoUdp() counts what comes back", async () => {
  await using peer = respond((index) => index % 4 !== 0);
  const to = { hostname: "127.0.0.1", port: peer.port };
  const { sent, echoed, error } = await echoUdp({ ...SERIES, to, count: 40 });
  assert.deepEqual({ sent, echoed, error }, { sent: 40, echoed: 30, error: null });
});

Deno.test("echoUdp() is over at the first answer where one is enough, and without any when time is", async () => {
  await using peer = respond((index) => index === 2);
  const to = { hostname: "127.0.0.1", port: peer.port };
  const one = await echoUdp({ ...SERIES, intervalMs: 20, waitMs: 60_000, to, count: 100, isOneEnough: true });
  assert.equal(one.echoed, 1);
  assert.ok(one.sent < 100 && one.firstMs !== null);
  await using silent = respond(() => false);
  const none = await echoUdp({ ...SERIES, to: { hostname: "127.0.0.1", port: silent.port }, count: 3 });
  assert.deepEqual(none, { sent: 3, echoed: 0, firstMs: null, error: null });
});
