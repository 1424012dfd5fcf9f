import assert from "node:assert/strict";
import { findRuntimeCore, openQuicStreamIo } from "../../../shared/transport/quic_stream_io.ts";
import { TRUST } from "./lane_fixture.ts";

async function connectStreams() {
  const endpoint = new Deno.QuicEndpoint({ hostname: "127.0.0.1", port: 0 });
  const { certPem: cert, keyPem: key } = TRUST.certificate;
  const listener = endpoint.listen({ cert, key, alpnProtocols: ["test"] });
  const accepting = listener.accept();
  const client = await Deno.connectQuic({
    hostname: "127.0.0.1",
    port: endpoint.addr.port,
    serverName: "core.test",
    caCerts: [TRUST.caPem],
    alpnProtocols: ["test"],
  });
  const server = await accepting;
  const near = await client.createBidirectionalStream();
  const incoming = server.incomingBidirectionalStreams.getReader().read();
  const accept = async () => {
    const { value } = await incoming;
    return value ?? assert.fail("no stream");
  };
  const close = async () => {
    client.close();
    await Promise.allSettled([client.closed, server.closed]);
    endpoint.close();
  };
  return { near, accept, close };
}

Deno.test("findRuntimeCore() finds the core of the pinned runtime", () => {
  assert.notEqual(findRuntimeCore(), null);
});

for (const core of [findRuntimeCore(), null]) {
  const way = core === null ? "web streams" : "resources";
  Deno.test(`openQuicStreamIo() fills the caller's buffer and leaves it attached: ${way}`, async () => {
    const { near, accept, close } = await connectStreams();
    const nearIo = openQuicStreamIo(near, core);
    await nearIo.write(new Uint8Array([1, 2, 3, 4, 5]));
    const farIo = openQuicStreamIo(await accept(), core);
    const memory = new Uint8Array(8);
    assert.equal(await farIo.read(memory.subarray(2, 5)), 3);
    assert.equal(await farIo.read(memory.subarray(5)), 2);
    assert.deepEqual([...memory], [0, 0, 1, 2, 3, 4, 5, 0]);
    await farIo.write(memory);
    const echoed = new Uint8Array(100);
    assert.equal(await nearIo.read(echoed), 8);
    assert.deepEqual(echoed.subarray(0, 8), memory);
    const pending = assert.rejects(nearIo.read(echoed));
    await close();
    await pending;
  });

  Deno.test(`openQuicStreamIo() tells the end of stream: ${way}`, async () => {
    const { near, accept, close } = await connectStreams();
    const writer = near.writable.getWriter();
    await writer.write(new Uint8Array([1]));
    const farIo = openQuicStreamIo(await accept(), core);
    assert.equal(await farIo.read(new Uint8Array(4)), 1);
    await writer.close();
    assert.equal(await farIo.read(new Uint8Array(4)), null);
    await close();
  });
}
