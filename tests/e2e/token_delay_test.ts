/**
 * TCP_NODELAY on every hop: tokens that an origin sends one by one must arrive one by one. With Nagle's algorithm on
 * anywhere a token waits for the acknowledgement of the one before it, so several arrive in one read. No times are
 * compared, only how many tokens share a read; a listener with Nagle on shows that this tells the difference.
 */
import assert from "node:assert/strict";
import { createAuthority, issueCertificate } from "../../shared/pki/certificate_authority.ts";
import { Relay } from "./support/relay.ts";

const TOKENS = 60;
const INTERVAL_MS = 10;
const ORIGIN_FLAGS = [
  ...["--prefill-tokens-per-second", "Infinity", "--step-slope-ms", "0"],
  ...["--decode-tokens-per-second", String(1000 / INTERVAL_MS)],
];

const NEXT_REQUEST = new TextEncoder().encode(`GET /${"x".repeat(2 * TOKENS)}`);
const decoder = new TextDecoder();

/**
 * Tokens in each read of a TLS connection, until `total` have come. Every second read is answered with a byte, the
 * beginning of a next request that nobody waits for: a kernel whose side speaks too delays its acknowledgements, and only then does
 * Nagle's algorithm show on loopback.
 */
async function tokensPerRead(
  connection: Deno.Conn,
  { total, token }: { total: number; token: RegExp },
): Promise<number[]> {
  const buffer = new Uint8Array(65536);
  const counts: number[] = [];
  for (let seen = 0; seen < total;) {
    const length = await connection.read(buffer);
    assert.ok(length !== null, `ended after ${seen} of ${total} tokens`);
    const count = [...decoder.decode(buffer.subarray(0, length)).matchAll(token)].length;
    if (count > 0) counts.push(count);
    seen += count;
    if (counts.length % 2 === 0) {
      await connection.write(NEXT_REQUEST.subarray(counts.length, counts.length + 1));
    }
  }
  return counts;
}

async function connect(port: number, ca: string): Promise<Deno.TlsConn> {
  const socket = await Deno.connect({ hostname: "127.0.0.1", port });
  socket.setNoDelay(true);
  return await Deno.startTls(socket, { hostname: "127.0.0.1", caCerts: [ca] });
}

/** Share of the tokens that came in a read with others. */
function bunchedShare(counts: readonly number[]): number {
  const all = counts.reduce((sum, count) => sum + count, 0);
  return counts.filter((count) => count > 1).reduce((sum, count) => sum + count, 0) / all;
}

for (const transport of ["quic", "tls"] as const) {
  Deno.test(`tokens arrive one by one through edge, ${transport} tunnel and core`, async () => {
    await Relay.run({ transport, origins: [ORIGIN_FLAGS] }, async (relay) => {
      const { host, port } = new URL(relay.url);
      using connection = await connect(Number(port), relay.ca);
      const body = JSON.stringify({
        model: "lowu-demo",
        stream: true,
        ignore_eos: true,
        max_tokens: TOKENS,
        messages: [{ role: "user", content: "Hello" }],
      });
      const head = [
        "POST /v1/chat/completions HTTP/1.1",
        `host: ${host}`,
        `authorization: Bearer ${relay.key}`,
        "content-type: application/json",
        `content-length: ${body.length}`,
      ];
      await connection.write(new TextEncoder().encode(`${head.join("\r\n")}\r\n\r\n${body}`));
      const counts = await tokensPerRead(connection, { total: TOKENS, token: /"content":"[^"]+"/g });
      // A busy machine may delay this reader itself now and then.
      assert.ok(bunchedShare(counts) < 0.3, `tokens in each read: ${counts.join(" ")}`);
    });
  });
}

Deno.test("a listener with Nagle's algorithm on bunches tokens: this is what the tests above look for", async () => {
  const authority = await createAuthority({ name: "test", days: 1 });
  const { certificatePem, keyPem } = await issueCertificate(authority, { names: ["127.0.0.1"], days: 1 });
  using listener = Deno.listenTls({ hostname: "127.0.0.1", port: 0, cert: certificatePem, key: keyPem });
  const received = Promise.withResolvers<void>();
  const sending = (async () => {
    using connection = await listener.accept();
    for (let sent = 0; sent < TOKENS; sent++) {
      await connection.write(new TextEncoder().encode("token\n"));
      await new Promise((resolve) => setTimeout(resolve, INTERVAL_MS));
    }
    await received.promise;
  })();
  using connection = await connect(listener.addr.port, authority.certificatePem);
  const counts = await tokensPerRead(connection, { total: TOKENS, token: /token/g });
  received.resolve();
  await sending;
  assert.ok(bunchedShare(counts) > 0.5, `tokens in each read: ${counts.join(" ")}`);
});
