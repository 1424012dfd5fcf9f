import assert from "node:assert/strict";
import { OriginClient } from "../../../core/origin/origin_client.ts";
import { SYSTEM_CLOCK } from "../../../shared/clock/clock.ts";
import { RelayError } from "../../../shared/errors/relay_error.ts";
import { createAuthority, issueCertificate } from "../../../shared/pki/certificate_authority.ts";
import { RawPeer } from "../../support/raw_peer.ts";
import { bytesOf } from "../../support/recorded_exchange.ts";
import { beginExchange, ORIGIN_OPTIONS } from "./origin_fixture.ts";

const HEAD_END = "\r\n\r\n";

async function withTlsServer(
  use: (listener: Deno.TlsListener, caCertificates: string[]) => Promise<void>,
): Promise<void> {
  const authority = await createAuthority({ name: "test", days: 2 });
  const { certificatePem, keyPem } = await issueCertificate(authority, { names: ["localhost"], days: 1 });
  const listener = Deno.listenTls({ hostname: "127.0.0.1", port: 0, cert: certificatePem, key: keyPem });
  try {
    await use(listener, [authority.certificatePem]);
  } finally {
    listener.close();
  }
}

Deno.test("OriginClient speaks TLS with an endpoint that it trusts, and keeps the connection", async () => {
  await withTlsServer(async (listener, caCertificates) => {
    const client = new OriginClient({ ...ORIGIN_OPTIONS, caCertificates }, SYSTEM_CLOCK);
    const url = new URL(`https://localhost:${listener.addr.port}`);
    const handler = client.exchange({ url, name: "engine" });
    const first = beginExchange(handler);
    const server = new RawPeer(await listener.accept());
    for (let i = 1; i <= 2; i++) {
      const { answer } = i === 1 ? first : beginExchange(handler);
      await server.until(HEAD_END, i);
      await server.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
      await answer.until("end");
    }
    assert.match(server.received, new RegExp(`^GET [^]*host: localhost:${url.port}\r\n`));
    const last = beginExchange(handler);
    await server.until(HEAD_END, 3);
    last.request.abort(new RelayError("client_left", { source: "downstream" }));
    await server.ended();
    await client.close();
    await server.close();
  });
});

Deno.test("OriginClient refuses an endpoint whose certificate it does not trust", async () => {
  await withTlsServer(async (listener, caCertificates) => {
    const cases: [host: string, trusted: string[]][] = [["localhost", []], ["127.0.0.1", caCertificates]];
    for (const [host, trusted] of cases) {
      const client = new OriginClient({ ...ORIGIN_OPTIONS, caCertificates: trusted }, SYSTEM_CLOCK);
      const url = new URL(`https://${host}:${listener.addr.port}`);
      const { answer } = beginExchange(client.exchange({ url, name: "engine" }));
      const server = new RawPeer(await listener.accept());
      await answer.until("abort origin_unreachable");
      assert.ok(answer.error?.cause instanceof Error);
      await server.ended();
      assert.equal(server.received, "");
      await client.close();
      await server.close();
    }
  });
});

Deno.test("OriginClient closes a connection whose TLS handshake does not end when the exchange is aborted", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const client = new OriginClient(ORIGIN_OPTIONS, SYSTEM_CLOCK);
  const url = new URL(`https://localhost:${listener.addr.port}`);
  const { answer, request } = beginExchange(client.exchange({ url, name: "silent" }));
  const server = new RawPeer(await listener.accept());
  await server.until("localhost");
  request.abort(new RelayError("client_left", { source: "downstream" }));
  await server.ended();
  assert.deepEqual(answer.calls, []);
  await client.close();
  assert.equal(client.openConnections, 0);
  await server.close();
  listener.close();
});

Deno.test("OriginClient counts the TLS handshake into the time to connect", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const client = new OriginClient({ ...ORIGIN_OPTIONS, connectTimeoutMs: 50 }, SYSTEM_CLOCK);
  const url = new URL(`https://localhost:${listener.addr.port}`);
  const { answer } = beginExchange(client.exchange({ url, name: "silent" }));
  const server = new RawPeer(await listener.accept());
  await answer.until("abort origin_unreachable");
  assert.equal(answer.error?.retry, "other_endpoint");
  await server.ended();
  await client.close();
  assert.equal(client.openConnections, 0);
  await server.close();
  listener.close();
});

Deno.test("OriginClient sends every piece of a body when it comes, over TLS too", async () => {
  await withTlsServer(async (listener, caCertificates) => {
    const client = new OriginClient({ ...ORIGIN_OPTIONS, caCertificates }, SYSTEM_CLOCK);
    const url = new URL(`https://localhost:${listener.addr.port}`);
    const { request } = beginExchange(client.exchange({ url, name: "engine" }), {
      method: "POST",
      contentLength: null,
    });
    const server = new RawPeer(await listener.accept());
    await server.until(HEAD_END);
    const before = server.arrivals.length;
    const count = 50;
    const sentAt: number[] = [];
    await new Promise<void>((done) => {
      const producer = setInterval(() => {
        sentAt.push(performance.now());
        request.body(bytesOf(`piece ${sentAt.length}\n`));
        if (sentAt.length < count) return;
        clearInterval(producer);
        done();
      }, 4);
    });
    await server.until(`piece ${count}\n`);
    const arrivedAt = server.arrivals.slice(before);
    // With Nagle's algorithm and delayed acknowledgements, ten pieces would come at once.
    assert.ok(arrivedAt.length > 0.8 * count, `${count} pieces came in ${arrivedAt.length}`);
    const [ownGap, gap] = [longestGap(sentAt), longestGap(arrivedAt)];
    assert.ok(gap < 3 * ownGap, `${gap} ms against ${ownGap} ms`);
    await client.close();
    await server.close();
  });
});

function longestGap(times: number[]): number {
  return Math.max(...times.slice(1).map((time, index) => time - (times[index] ?? 0)));
}
