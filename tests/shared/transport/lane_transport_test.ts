import assert from "node:assert/strict";
import fc from "fast-check";
import {
  DEFAULT_LANE_LISTENER_LIMITS,
  LANE_ALPN,
  LaneDialError,
} from "../../../shared/transport/lane_connection.ts";
import { dialLane, listenLanes } from "../../../shared/transport/lane_transport.ts";
import {
  closeQuietly,
  connectPair,
  createTrust,
  dialLoopback,
  listenOnLoopback,
  readExactly,
  SERVER_NAME,
  TRANSPORTS,
  TRUST,
  untilLost,
  writeAll,
} from "./lane_fixture.ts";

const MEGABYTE = 1024 * 1024;

for (const transport of TRANSPORTS) {
  Deno.test(`dialLane() carries 5 MB each way at once, byte by byte equal: ${transport}`, async () => {
    const { dialled, accepted, listener } = await connectPair(transport);
    const [up, down] = [randomBytes(5 * MEGABYTE), randomBytes(5 * MEGABYTE)];
    const seed = crypto.getRandomValues(new Uint32Array(1))[0] ?? 0;
    const sizes = fc.sample(
      fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 100_000 })),
      {
        seed,
        numRuns: 1_000,
      },
    );
    const [gotUp, gotDown] = await Promise.all([
      readExactly(accepted, up.length),
      readExactly(dialled, down.length),
      writeInPieces(dialled, up, sizes),
      writeInPieces(accepted, down, sizes.toReversed()),
    ]);
    assert.ok(isEqual(gotUp, up), `upward, seed ${seed}`);
    assert.ok(isEqual(gotDown, down), `downward, seed ${seed}`);
    closeQuietly(dialled, accepted, listener);
  });

  Deno.test(`LaneConnection tells its addresses: ${transport}`, async () => {
    const { dialled, accepted, listener } = await connectPair(transport);
    assert.equal(dialled.transport, transport);
    assert.equal(accepted.transport, transport);
    assert.equal(dialled.remoteAddress, listener.localAddress);
    assert.equal(accepted.localAddress, listener.localAddress);
    assert.match(accepted.remoteAddress, /^127\.0\.0\.1:\d+$/);
    closeQuietly(dialled, accepted, listener);
  });

  Deno.test(`LaneConnection.close() rejects pending calls and ends the peer: ${transport}`, async () => {
    const { dialled, accepted, listener } = await connectPair(transport);
    const pending = assert.rejects(dialled.read(new Uint8Array(10)));
    dialled.close();
    await pending;
    await untilLost(accepted);
    assert.throws(() => dialled.close());
    await assert.rejects(async () => await dialled.write(new Uint8Array(1)));
    await assert.rejects(async () => await dialled.read(new Uint8Array(1)));
    closeQuietly(accepted, listener);
  });

  Deno.test(`LaneConnection.write() waits for a peer that does not read: ${transport}`, async () => {
    const { dialled, accepted, listener } = await connectPair(transport);
    let written = 0;
    const chunk = new Uint8Array(64 * 1024);
    const flood = (async () => {
      for (;;) written += await dialled.write(chunk);
    })();
    const ended = assert.rejects(flood);
    // Progress by turns of the event loop, not by time: many turns without a new byte mean that write waits.
    for (let quiet = 0, last = -1; quiet < 200;) {
      await new Promise((resolve) => setImmediate(resolve));
      quiet = written === last ? quiet + 1 : 0;
      last = written;
    }
    assert.ok(written < 64 * MEGABYTE, `${written} bytes were taken`);
    dialled.close();
    await ended;
    closeQuietly(accepted, listener);
  });

  Deno.test(`dialLane() refuses a certificate of another authority: ${transport}`, async () => {
    const listener = listenOnLoopback(transport);
    const other = await createTrust();
    const dialling = dialLane({
      transport,
      address: listener.localAddress,
      serverName: SERVER_NAME,
      caCertificates: [other.caPem],
      connectTimeoutMs: 5_000,
    });
    await assertDialFails(dialling, "certificate");
    closeQuietly(listener);
  });

  Deno.test(`dialLane() refuses a certificate without the server's name: ${transport}`, async () => {
    const listener = listenOnLoopback(transport);
    // The first dial leaves a session ticket behind; it must not stand in for the second name's check.
    closeQuietly(await dialLoopback(transport, listener.localAddress));
    const dialling = dialLane({
      transport,
      address: listener.localAddress,
      serverName: "other.test",
      caCertificates: [TRUST.caPem],
      connectTimeoutMs: 5_000,
    });
    await assertDialFails(dialling, "certificate");
    closeQuietly(listener);
  });

  Deno.test(`dialLane() gives up in time and on abort: ${transport}`, async () => {
    // Bound and silent: datagrams and connections are taken by the kernel, nothing ever answers.
    const mute = transport === "quic"
      ? Deno.listenDatagram({ hostname: "127.0.0.1", port: 0, transport: "udp" })
      : Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const address = `127.0.0.1:${(mute.addr as Deno.NetAddr).port}`;
    const options = { transport, address, serverName: SERVER_NAME, caCertificates: [TRUST.caPem] };
    await assertDialFails(dialLane({ ...options, connectTimeoutMs: 50 }), "timeout");
    const abort = new AbortController();
    const dialling = dialLane({ ...options, connectTimeoutMs: 60_000, signal: abort.signal });
    abort.abort();
    await assertDialFails(dialling, "aborted");
    await assertDialFails(
      dialLane({ ...options, connectTimeoutMs: 60_000, signal: AbortSignal.abort() }),
      "aborted",
    );
    mute.close();
  });

  Deno.test(`dialLane() says that a name has no address: ${transport}`, async () => {
    const options = { transport, serverName: SERVER_NAME, caCertificates: [], connectTimeoutMs: 20_000 };
    await assertDialFails(dialLane({ ...options, address: "nowhere.invalid:443" }), "name");
    await assertDialFails(dialLane({ ...options, address: "no port" }), "name");
  });

  Deno.test(`LaneListener.replaceCertificate() keeps lanes and shows the new certificate: ${transport}`, async () => {
    const { dialled, accepted, listener } = await connectPair(transport);
    await assert.rejects(listener.replaceCertificate({ certPem: "no", keyPem: "no" }));
    closeQuietly(await dialLoopback(transport, listener.localAddress));
    const renewed = await createTrust();
    await listener.replaceCertificate(renewed.certificate);
    const later = await dialLane({
      transport,
      address: listener.localAddress,
      serverName: SERVER_NAME,
      caCertificates: [renewed.caPem],
      connectTimeoutMs: 5_000,
    });
    const accepting = listener.accept();
    await later.write(new Uint8Array(1));
    closeQuietly(await accepting ?? assert.fail("closed"), later);
    await writeAll(dialled, new Uint8Array([1, 2, 3]));
    assert.deepEqual([...await readExactly(accepted, 3)], [1, 2, 3]);
    closeQuietly(dialled, accepted, listener);
  });

  Deno.test(`LaneListener.close() ends accept() and leaves lanes alone: ${transport}`, async () => {
    const { dialled, accepted, listener } = await connectPair(transport);
    const accepting = listener.accept();
    listener.close();
    listener.close();
    assert.equal(await accepting, null);
    assert.equal(await listener.accept(), null);
    await writeAll(accepted, new Uint8Array([7]));
    assert.deepEqual([...await readExactly(dialled, 1)], [7]);
    await assert.rejects(dialLoopback(transport, listener.localAddress), LaneDialError);
    closeQuietly(dialled, accepted);
  });

  Deno.test(`LaneListener turns connections away above its rate: ${transport}`, async () => {
    const limits = { handshakeBurst: 2, handshakesPerSecond: 0.001 };
    const listener = listenOnLoopback(transport, limits);
    const lanes = [
      await dialLoopback(transport, listener.localAddress),
      await dialLoopback(transport, listener.localAddress),
    ];
    const third = dialLane({
      transport,
      address: listener.localAddress,
      serverName: SERVER_NAME,
      caCertificates: [TRUST.caPem],
      connectTimeoutMs: 300,
    });
    await assert.rejects(third, LaneDialError);
    assert.ok(listener.counters.limited >= 1);
    closeQuietly(...lanes, listener);
  });

  Deno.test(`LaneListener ends connections that do not come to the point: ${transport}`, async () => {
    const listener = listenOnLoopback(transport, { handshakeTimeoutMs: 100 });
    if (transport === "quic") {
      // Connected, but its stream stays invisible without a byte.
      await untilLost(await dialLoopback(transport, listener.localAddress));
    } else {
      const silent = await Deno.connect(parse(listener.localAddress));
      assert.equal(await silent.read(new Uint8Array(1)), null);
      silent.close();
    }
    assert.equal(listener.counters.timedOut, 1);
    const accepting = listener.accept();
    const lane = await dialLoopback(transport, listener.localAddress);
    await lane.write(new Uint8Array(1));
    closeQuietly(await accepting ?? assert.fail("closed"), lane, listener);
  });
}

for (const transport of ["tls", "websocket"] as const) {
  Deno.test(`LaneListener outlives junk on its TCP port: ${transport}`, async () => {
    const listener = listenOnLoopback(transport, { handshakeBurst: 1_000, maxHalfOpenPerAddress: 1_000 });
    for (let i = 0; i < 50; i++) {
      const junk = await Deno.connect(parse(listener.localAddress));
      await junk.write(randomBytes(50 + i)).catch(() => 0);
      junk.close();
    }
    const accepting = listener.accept();
    const lane = await dialLoopback(transport, listener.localAddress);
    await lane.write(new Uint8Array(1));
    closeQuietly(await accepting ?? assert.fail("closed"), lane, listener);
  });
}

Deno.test("LaneListener outlives junk on its UDP port", async () => {
  const listener = listenOnLoopback("quic");
  const socket = Deno.listenDatagram({ hostname: "127.0.0.1", port: 0, transport: "udp" });
  for (let i = 0; i < 200; i++) {
    const junk = randomBytes(1200);
    // Long header, version 1, Initial: the listener looks closer at these.
    if (i % 2 === 0) junk.set([0xc0, 0, 0, 0, 1, 8]);
    await socket.send(junk, { transport: "udp", ...parse(listener.localAddress) });
  }
  const accepting = listener.accept();
  const lane = await dialLoopback("quic", listener.localAddress);
  await lane.write(new Uint8Array(1));
  closeQuietly(await accepting ?? assert.fail("closed"), lane, listener, socket);
});

Deno.test("LaneListener takes only its own protocol", async () => {
  const listener = listenOnLoopback("tls");
  const connect = (alpnProtocols: string[]) =>
    Deno.connect(parse(listener.localAddress)).then((tcp) =>
      Deno.startTls(tcp, { hostname: SERVER_NAME, caCerts: [TRUST.caPem], alpnProtocols })
    );
  const other = await connect(["h2"]);
  await assert.rejects(other.handshake());
  other.close();
  const none = await connect([]);
  await untilEnd(none);
  none.close();
  const ours = await connect([LANE_ALPN]);
  assert.equal((await ours.handshake()).alpnProtocol, LANE_ALPN);
  ours.close();
  listener.close();
});

Deno.test("listenLanes() refuses an address that is none", () => {
  for (const transport of TRANSPORTS) {
    const listen = () => listenLanes({ transport, address: "nonsense", certificate: TRUST.certificate });
    assert.throws(listen, TypeError);
  }
  assert.ok(DEFAULT_LANE_LISTENER_LIMITS.maxHalfOpen > DEFAULT_LANE_LISTENER_LIMITS.handshakesPerSecond);
});

async function assertDialFails(dialling: Promise<unknown>, failure: LaneDialError["failure"]): Promise<void> {
  await assert.rejects(dialling, (error) => {
    assert.ok(error instanceof LaneDialError, String(error));
    assert.equal(error.failure, failure, error.message);
    return true;
  });
}

async function untilEnd(connection: Deno.Conn): Promise<void> {
  try {
    while ((await connection.read(new Uint8Array(100))) !== null);
  } catch (error) {
    assert.ok(error instanceof Error);
  }
}

async function writeInPieces(
  lane: Parameters<typeof writeAll>[0],
  bytes: Uint8Array,
  sizes: readonly number[],
): Promise<void> {
  for (let offset = 0, i = 0; offset < bytes.length; i++) {
    const size = sizes[i % sizes.length] ?? 1;
    await writeAll(lane, bytes.subarray(offset, offset + size));
    offset += size;
  }
}

function parse(address: string): { hostname: string; port: number } {
  const [hostname = "", port = ""] = address.split(":");
  return { hostname, port: Number(port) };
}

function isEqual(left: Uint8Array, right: Uint8Array): boolean {
  if (left.length !== right.length) return false;
  for (let i = 0; i < left.length; i++) if (left[i] !== right[i]) return false;
  return true;
}

function randomBytes(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let offset = 0; offset < length; offset += 65536) {
    crypto.getRandomValues(bytes.subarray(offset, Math.min(length, offset + 65536)));
  }
  return bytes;
}
