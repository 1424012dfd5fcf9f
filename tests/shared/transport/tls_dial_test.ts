import assert from "node:assert/strict";
import { LANE_ALPN } from "../../../shared/transport/lane_connection.ts";
import { TlsDial } from "../../../shared/transport/tls_dial.ts";
import { until } from "../../e2e/support/until.ts";

const DIALS = 400;

async function untilEnd(connection: Deno.TcpConn): Promise<void> {
  const buffer = new Uint8Array(1024);
  try {
    while ((await connection.read(buffer)) !== null);
  } catch (error) {
    if (!(error instanceof Deno.errors.ConnectionReset)) throw error;
  }
  connection.close();
}

Deno.test("TlsDial.close() leaves no socket behind, in whatever turn TCP connects", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  let open = 0;
  let accepted = 0;
  const accepting = (async () => {
    for await (const connection of listener) {
      accepted++;
      open++;
      void untilEnd(connection).then(() => open--);
    }
  })();
  for (let dial = 0; dial < DIALS; dial++) {
    const attempt = new TlsDial("127.0.0.1", port, {
      serverName: "core.test",
      caCertificates: [],
      alpnProtocol: LANE_ALPN,
      isAlpnOptional: false,
    });
    const failed = assert.rejects(attempt.ready);
    // Busy until the kernel has connected: the time-out and the connection then come in one turn.
    setTimeout(() => attempt.close(), 0);
    for (const end = performance.now() + (dial % 15) / 10; performance.now() < end;);
    await failed;
  }
  await until("each socket is closed", () => Promise.resolve(accepted === DIALS && open === 0 ? true : null));
  listener.close();
  await accepting;
});
