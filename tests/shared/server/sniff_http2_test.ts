import assert from "node:assert/strict";
import { sniffHttp2 } from "../../../shared/server/sniff_http2.ts";

const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/** What sniffing says of a connection that sends `text` in pieces cut at `cut`, and what can be read afterwards. */
async function sniff(text: string, cut: number): Promise<{ protocol: string; read: string }> {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  const [accepted, dialled] = await Promise.all([
    listener.accept(),
    Deno.connect({ hostname: "127.0.0.1", port }),
  ]);
  const bytes = new TextEncoder().encode(text);
  const sniffed = sniffHttp2(accepted);
  if (cut > 0) await dialled.write(bytes.subarray(0, cut));
  await dialled.write(bytes.subarray(cut));
  await dialled.closeWrite();
  const { protocol, connection } = await sniffed;
  let read = "";
  const buffer = new Uint8Array(7);
  for (let n = await connection.read(buffer); n !== null; n = await connection.read(buffer)) {
    read += new TextDecoder().decode(buffer.subarray(0, n));
  }
  connection.close();
  dialled.close();
  return { protocol, read };
}

Deno.test("sniffHttp2() knows the preface in any two pieces and gives all bytes back", async () => {
  for (let cut = 0; cut <= PREFACE.length; cut++) {
    const text = PREFACE + "frames";
    assert.deepEqual(await sniff(text, cut), { protocol: "h2", read: text });
  }
});

Deno.test("sniffHttp2() takes anything else for HTTP/1.1", async () => {
  for (
    const text of [
      "GET / HTTP/1.1\r\n\r\n",
      "P",
      "PUT / HTTP/1.1\r\n\r\n",
      "PRI * HTTP/2.0\r\n\r\nXX",
      PREFACE.slice(0, -1),
    ]
  ) {
    for (const cut of [0, 1, text.length - 1]) {
      assert.deepEqual(await sniff(text, cut), { protocol: "http1", read: text });
    }
  }
});

Deno.test("sniffHttp2() gives a connection that can end its sending side alone", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  using dialled = await Deno.connect({ hostname: "127.0.0.1", port });
  using accepted = await listener.accept();
  await dialled.write(new TextEncoder().encode("GET"));
  const { connection } = await sniffHttp2(accepted);
  await connection.closeWrite?.();
  assert.equal(await dialled.read(new Uint8Array(1)), null);
  await dialled.write(new TextEncoder().encode(" more"));
  const buffer = new Uint8Array(8);
  const lengths = [await connection.read(buffer), await connection.read(buffer)];
  assert.deepEqual(lengths, [3, 5]);
});
