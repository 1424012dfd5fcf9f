import assert from "node:assert/strict";
import { SYSTEM_CLOCK } from "../../../shared/clock/clock.ts";
import { encodeHandshakeMessage } from "../../../shared/handshake/handshake_codec.ts";
import { HandshakeTally } from "../../../shared/handshake/handshake_tally.ts";
import { performCoreHandshake } from "../../../shared/handshake/perform_core_handshake.ts";
import { performEdgeHandshake } from "../../../shared/handshake/perform_edge_handshake.ts";
import { closeQuietly, connectPair, readExactly, TRANSPORTS, writeAll } from "../transport/lane_fixture.ts";
import { admitAll, createEdge, EDGE, edgeKeys, NOW, randomBytes, SERVER_NAME } from "./handshake_fixture.ts";

const EDGE_OPTIONS = {
  edgeName: "hk-1",
  serverName: SERVER_NAME,
  sessionId: null,
  sign: EDGE.sign,
  clock: SYSTEM_CLOCK,
};

function coreOptions(tally: HandshakeTally) {
  return {
    coreInstanceId: randomBytes(16),
    serverNames: new Set([SERVER_NAME]),
    dialledEdge: null,
    keys: edgeKeys({}),
    admit: admitAll,
    tally,
    clock: SYSTEM_CLOCK,
    wallClock: () => NOW,
  };
}

async function connectTcp(): Promise<[Deno.TcpConn, Deno.TcpConn]> {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const pair = await Promise.all([
    Deno.connect({ hostname: "127.0.0.1", port: listener.addr.port }),
    listener.accept(),
  ]);
  listener.close();
  return pair;
}

for (const transport of TRANSPORTS) {
  Deno.test(`a lane is trusted on both sides and carries the session at once: ${transport}`, async () => {
    const { dialled, accepted, listener } = await connectPair(transport);
    const tally = new HandshakeTally();
    const session = randomBytes(10_000);
    const core = performCoreHandshake(accepted, coreOptions(tally)).then(async (result) => {
      await writeAll(accepted, session);
      return result;
    });
    const edge = await performEdgeHandshake(dialled, EDGE_OPTIONS);
    assert.ok(edge.kind === "accepted");
    const rest = await readExactly(dialled, session.length - edge.leftover.length);
    assert.deepEqual(new Uint8Array([...edge.leftover, ...rest]), session);
    assert.equal((await core).kind, "accepted");
    assert.deepEqual([tally.accepted, tally.pending], [1, 0]);
    closeQuietly(dialled, accepted, listener);
  });

  Deno.test(`a refused edge reads the REJECT before its lane closes: ${transport}`, async () => {
    const { dialled, accepted, listener } = await connectPair(transport);
    const tally = new HandshakeTally();
    const [core, edge] = await Promise.all([
      performCoreHandshake(accepted, coreOptions(tally)),
      performEdgeHandshake(dialled, { ...EDGE_OPTIONS, sign: createEdge().sign }),
    ]);
    assert.deepEqual(core, { kind: "refused", reason: "wrong_key", edgeName: null });
    assert.deepEqual(edge, { kind: "refused", reason: "refused" });
    assert.equal(tally.refused.wrong_key, 1);
    listener.close();
  });
}

Deno.test("performCoreHandshake() gives a silent or dribbling peer its time and no more", async () => {
  const tally = new HandshakeTally();
  const [silent, core] = await connectTcp();
  const dribble = (async () => {
    for (const byte of [0, 200, 1, 1, 1]) await silent.write(new Uint8Array([byte]));
  })();
  const result = await performCoreHandshake(core, { ...coreOptions(tally), timeoutMs: 100 });
  assert.deepEqual(result, { kind: "refused", reason: "timeout", edgeName: null });
  await dribble;
  assert.equal(await silent.read(new Uint8Array(10)).catch(() => null), null);
  silent.close();
  assert.equal(tally.pending, 0);
});

Deno.test("performCoreHandshake() ends when the peer leaves or its own signal fires", async () => {
  const tally = new HandshakeTally();
  const [leaver, left] = await connectTcp();
  const leaving = performCoreHandshake(left, coreOptions(tally));
  leaver.close();
  assert.deepEqual(await leaving, { kind: "refused", reason: "left", edgeName: null });
  const [peer, core] = await connectTcp();
  const stop = new AbortController();
  const stopping = performCoreHandshake(core, { ...coreOptions(tally), signal: stop.signal });
  stop.abort();
  assert.deepEqual(await stopping, { kind: "refused", reason: "stopped", edgeName: null });
  peer.close();
});

Deno.test("performEdgeHandshake() ends when the core is silent, leaves, or its own signal has fired", async () => {
  const [a, mute] = await connectTcp();
  const timed = await performEdgeHandshake(a, { ...EDGE_OPTIONS, timeoutMs: 50 });
  assert.deepEqual(timed, { kind: "refused", reason: "timeout" });
  mute.close();
  const [b, leaver] = await connectTcp();
  const left = performEdgeHandshake(b, EDGE_OPTIONS);
  await leaver.read(new Uint8Array(1000));
  leaver.close();
  assert.deepEqual(await left, { kind: "refused", reason: "left" });
  const [c, peer] = await connectTcp();
  const stopped = await performEdgeHandshake(c, { ...EDGE_OPTIONS, signal: AbortSignal.abort() });
  assert.deepEqual(stopped, { kind: "refused", reason: "stopped" });
  peer.close();
});

Deno.test("performCoreHandshake() refuses at once above the number under way", async () => {
  const tally = new HandshakeTally(1);
  const [first, core] = await connectTcp();
  const running = performCoreHandshake(core, coreOptions(tally));
  const [second, turnedAway] = await connectTcp();
  const result = await performCoreHandshake(turnedAway, coreOptions(tally));
  assert.deepEqual(result, { kind: "refused", reason: "overloaded", edgeName: null });
  first.close();
  await running;
  second.close();
  assert.equal(tally.pending, 0);
});

Deno.test("performCoreHandshake() closes the lane when admit() fails, and passes the fault on", async () => {
  const tally = new HandshakeTally();
  const [edge, core] = await connectTcp();
  const fault = new Error("fault");
  const running = assert.rejects(
    performCoreHandshake(core, { ...coreOptions(tally), admit: () => assert.fail(fault) }),
    fault,
  );
  assert.deepEqual(await performEdgeHandshake(edge, EDGE_OPTIONS), { kind: "refused", reason: "left" });
  await running;
  assert.equal(tally.pending, 0);
});

Deno.test("performCoreHandshake() retains nothing of 1,000 junk handshakes", async () => {
  const tally = new HandshakeTally();
  const options = coreOptions(tally);
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  const hello = { versions: [1], edgeName: "nobody", serverName: SERVER_NAME, sessionId: null } as const;
  const kinds = [
    () => randomBytes(40),
    () => new Uint8Array([0xff, 0xff, 1]),
    () => encodeHandshakeMessage({ kind: "hello", ...hello, nonce: randomBytes(32) }),
    () => encodeHandshakeMessage({ kind: "hello", ...hello, versions: [99], nonce: randomBytes(32) }),
  ];
  const accost = async (junk: Deno.Conn, core: Deno.Conn, bytes: Uint8Array) => {
    const running = performCoreHandshake(core, options);
    await junk.write(bytes);
    await junk.read(new Uint8Array(200)).catch(() => null);
    junk.close();
    assert.equal((await running).kind, "refused");
  };
  for (let batch = 0; batch < 20; batch++) {
    const running: Promise<void>[] = [];
    for (let index = 0; index < 50; index++) {
      const [junk, core] = await Promise.all([
        Deno.connect({ hostname: "127.0.0.1", port }),
        listener.accept(),
      ]);
      running.push(accost(junk, core, (kinds[index % kinds.length] ?? assert.fail())()));
    }
    await Promise.all(running);
  }
  listener.close();
  assert.equal(tally.pending, 0);
  assert.equal(tally.accepted, 0);
  assert.equal(Object.values(tally.refused).reduce((sum, count) => sum + count, 0), 1_000);
  assert.ok(tally.refused.version >= 200 && tally.refused.oversized >= 200);
});
