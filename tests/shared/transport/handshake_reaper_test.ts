import assert from "node:assert/strict";
import { SYSTEM_CLOCK } from "../../../shared/clock/clock.ts";
import { HandshakeReaper } from "../../../shared/transport/handshake_reaper.ts";
import { TRUST } from "./lane_fixture.ts";

for (const hostname of ["127.0.0.1", "::1"]) {
  Deno.test(`HandshakeReaper.abandon() frees a silent peer's socket and no other: ${hostname}`, async () => {
    const { certPem: cert, keyPem: key } = TRUST.certificate;
    const listener = Deno.listenTls({ hostname, port: 0, cert, key });
    const { port } = listener.addr;
    const connect = async () =>
      await Promise.all([Deno.connect({ hostname, port }), listener.accept()] as const);
    const [silent, abandoned] = await connect();
    const [other, kept] = await connect();
    new HandshakeReaper(SYSTEM_CLOCK).abandon(abandoned);
    assert.equal(await silent.read(new Uint8Array(1)), null);
    const client = await Deno.startTls(other, { hostname: "core.test", caCerts: [TRUST.caPem] });
    await Promise.all([client.handshake(), kept.handshake()]);
    for (const open of [silent, client, kept, listener]) open.close();
  });
}

Deno.test("HandshakeReaper.abandon() tells dialled connections to one address apart", async () => {
  const mute = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = mute.addr;
  const connect = async () => {
    const [tcp, peer] = await Promise.all([Deno.connect({ hostname: "127.0.0.1", port }), mute.accept()]);
    return { tls: await Deno.startTls(tcp, { hostname: "core.test" }), peer };
  };
  const [abandoned, kept] = [await connect(), await connect()];
  new HandshakeReaper(SYSTEM_CLOCK).abandon(abandoned.tls);
  const buffer = new Uint8Array(4096);
  while ((await abandoned.peer.read(buffer)) !== null);
  await kept.peer.read(buffer);
  // A fatal handshake_failure alert (RFC 8446 §6.2): it can only be read by a handshake that lives.
  await kept.peer.write(new Uint8Array([21, 3, 3, 0, 2, 2, 40]));
  await assert.rejects(kept.tls.handshake(), /HandshakeFailure/);
  for (const open of [abandoned.peer, kept.peer, kept.tls, mute]) open.close();
});
