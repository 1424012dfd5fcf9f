/** A client that stops reading: memory stays bounded in every process, and nobody else notices. */
import assert from "node:assert/strict";
import { type Protocol, PROTOCOLS, RelayClient } from "./support/clients.ts";
import { Relay } from "./support/relay.ts";

const MEBIBYTE = 1024 * 1024;
const UPLOAD_BYTES = 64 * MEBIBYTE;
const PIECE = crypto.getRandomValues(new Uint8Array(65_536));

/**
 * More than all buffers on the way can hold, kernel's included: the sockets between four processes, the windows of two
 * HTTP hops and of the tunnel.
 */
const HELD_BYTES_AT_MOST = 40 * MEBIBYTE;

async function assertBounded(relay: Relay, protocol: Protocol): Promise<void> {
  using client = new RelayClient(relay, protocol);
  const residentBytes = () =>
    Promise.all(
      (["edge", "core"] as const).map((node) =>
        relay.metric(node, "lowu_memory_usage_bytes", ['kind="resident"'])
      ),
    );
  const before = await residentBytes();
  let pulledBytes = 0;
  const upload = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (pulledBytes >= UPLOAD_BYTES) return controller.close();
      pulledBytes += PIECE.length;
      controller.enqueue(PIECE.slice());
    },
  }, { highWaterMark: 0 });
  const headers = { "x-lowu-fault": "echo", "x-lowu-test-id": `slow-${protocol}` };
  const answer = await client.fetch("/v1/echo", { method: "POST", headers, body: upload });
  const reader = (answer.body ?? new ReadableStream()).getReader();
  let receivedBytes = (await reader.read()).value?.length ?? 0;

  // Others go on, on the same connection where it is HTTP/2; each of their answers takes a turn of every event loop.
  for (let i = 0; i < 20; i++) {
    const other = await client.chat({ stream: true, max_tokens: 10 });
    assert.match(await other.text(), /data: \[DONE\]\n\n$/);
  }
  const pulledThen = pulledBytes;
  assert.ok(pulledThen < HELD_BYTES_AT_MOST, `${pulledThen} bytes were taken from the client`);
  const after = await residentBytes();
  for (const [index, bytes] of after.entries()) {
    const grown = bytes - (before[index] ?? 0);
    assert.ok(grown < HELD_BYTES_AT_MOST, `${["edge", "core"][index]} grew by ${grown} bytes`);
  }

  for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
    receivedBytes += piece.value.length;
  }
  assert.equal(receivedBytes, UPLOAD_BYTES, "it goes on when the client does");
  const record = await relay.origin.seen(`slow-${protocol}`, "ended");
  assert.deepEqual([record.state, record.requestBytes, record.answerBytes], [
    "ended",
    UPLOAD_BYTES,
    UPLOAD_BYTES,
  ]);
}

Deno.test("a client that stops reading stalls only itself", async (context) => {
  const fast = {
    edge: (config: { backpressure?: unknown }) => {
      config.backpressure = { max_write_rate_bytes_per_second: 0 };
    },
  };
  await Relay.run(fast, async (relay) => {
    for (const protocol of PROTOCOLS) await context.step(protocol, () => assertBounded(relay, protocol));
  });
});
