/**
 * Clients that leave at random moments: in the end, every counter, ledger and buffer of every process is at zero.
 *
 * `LOWU_ABORTS` says how many (10,000 for a release); `LOWU_SEED` repeats a run.
 */
import assert from "node:assert/strict";
import { describeError } from "../../shared/observe/logger.ts";
import { Random } from "../shared/tunnel/simulation/random.ts";
import { type Protocol, RelayClient } from "./support/clients.ts";
import { type ConfigFile, Relay, sumOf } from "./support/relay.ts";
import { until } from "./support/until.ts";

const ABORTS = Number(Deno.env.get("LOWU_ABORTS") ?? "2000");
const SEED = Number(Deno.env.get("LOWU_SEED") ?? crypto.getRandomValues(new Uint32Array(1))[0]);
const CONCURRENT = 64;
const ENDLESS = { max_tokens: 100_000, ignore_eos: true };

const ZERO_ON_EDGE = [
  "lowu_exchanges_active",
  "lowu_conversations_active",
  "lowu_sse_connections_active",
  "lowu_connections_active",
  "lowu_tunnel_streams_active",
  "lowu_tunnel_retained_bytes",
];
const ZERO_ON_CORE = [
  "lowu_conversations_active",
  "lowu_sse_connections_active",
  "lowu_tunnel_streams_active",
  "lowu_tunnel_retained_bytes",
  "lowu_origin_connections_active",
];

/** Asks for something and leaves in the middle of it. Never throws: leaving is no error. */
async function askAndLeave(client: RelayClient, random: Random): Promise<void> {
  const leaving = new AbortController();
  const { signal } = leaving;
  const kind = random.pick(["at once", "soon", "after head", "streaming", "upload", "echo"] as const);
  const wait = random.between(0, 12);
  const chunks = random.between(1, 6);
  try {
    if (kind === "at once" || kind === "soon") {
      const asked = client.chat({ stream: random.chance(0.5), ...ENDLESS }, { signal });
      if (kind === "soon") setTimeout(() => leaving.abort(), wait);
      else leaving.abort();
      return void await (await asked).arrayBuffer();
    }
    if (kind === "upload" || kind === "echo") {
      setTimeout(() => leaving.abort(), wait);
      const fault: Record<string, string> = kind === "echo" ? { "x-lowu-fault": "echo" } : {};
      const answer = await client.fetch("/v1/files", {
        method: "POST",
        headers: { "content-type": "application/octet-stream", ...fault },
        body: endlessBody(signal),
        signal,
      });
      return void await answer.arrayBuffer();
    }
    const answer = await client.chat({ stream: true, ...ENDLESS }, { signal });
    const reader = (answer.body ?? new ReadableStream()).getReader();
    if (kind === "streaming") { for (let i = 0; i < chunks; i++) await reader.read(); }
    leaving.abort();
    await reader.read();
  } catch (error) {
    assert.ok(signal.aborted, `${kind} ended before it was aborted: ${describeError(error)}`);
  }
}

/** Fails when its request is aborted: over HTTP/2, Deno's client would send it for ever. */
function endlessBody(signal: AbortSignal): ReadableStream<Uint8Array> {
  const piece = new Uint8Array(4096);
  return new ReadableStream({
    pull(controller) {
      if (signal.aborted) return controller.error(signal.reason);
      controller.enqueue(piece.slice());
      return new Promise((resolve) => setTimeout(resolve, 1));
    },
  });
}

async function leaveOften(relay: Relay, random: Random): Promise<void> {
  const protocols: readonly Protocol[] = ["h2", "h2", "h2", "http/1.1"];
  const clients = protocols.map((protocol) => new RelayClient(relay, protocol));
  // Deno's client fails all that wait for a connection when the request that opens it is aborted: so it is opened before.
  for (const client of clients) await (await client.fetch("/v1/models")).body?.cancel();
  let left = ABORTS / 2;
  const leaveInTurn = async () => {
    while (left-- > 0) await askAndLeave(random.pick(clients), random);
  };
  await Promise.all(Array.from({ length: CONCURRENT }, leaveInTurn));
  for (const client of clients) client[Symbol.dispose]();
}

/** What is not zero. The edge's own probes come and go, so it is asked until all is zero at once. */
async function remains(relay: Relay): Promise<string[]> {
  const found: string[] = [];
  for (const [node, metrics] of [["edge", ZERO_ON_EDGE], ["core", ZERO_ON_CORE]] as const) {
    const text = await (await relay.admin(node, "/metrics"))?.text() ?? "";
    for (const metric of metrics) {
      const value = sumOf(text, metric, []);
      if (value !== 0) found.push(`${node}: ${metric} ${value}`);
    }
  }
  const { running, waiting, kvTokens, started, finished, aborted, exchanges } = await relay.origin.counts();
  for (const [name, value] of Object.entries({ running, waiting, kvTokens, open: exchanges.open })) {
    if (value !== 0) found.push(`origin: ${name} ${value}`);
  }
  if (started !== finished + aborted) found.push(`origin: ${started} started, ${finished} + ${aborted} ended`);
  return found;
}

for (const transport of ["quic", "tls"] as const) {
  Deno.test(`${ABORTS / 2} random aborts over ${transport} leave nothing behind`, async () => {
    console.log(`LOWU_SEED=${SEED}`);
    const edge = (config: ConfigFile) => {
      config.http2 = { reset_burst: 100_000, resets_per_second: 10_000 };
    };
    const core = (config: ConfigFile) => {
      config.origins[0].idle_connection_timeout_ms = 100;
    };
    await Relay.run({ transport, edge, core }, async (relay) => {
      await leaveOften(relay, new Random(SEED));
      let last: string[] = [];
      try {
        await until("all is zero", async () => (last = await remains(relay)).length === 0 ? true : null);
      } catch (cause) {
        throw new Error(last.join("\n"), { cause });
      }
      const { aborted } = await relay.origin.counts();
      assert.ok(aborted > ABORTS / 20, `only ${aborted} generations were aborted at the origin`);
      using client = new RelayClient(relay, "h2");
      assert.match(await (await client.chat({ stream: true })).text(), /\[DONE\]/, "and it goes on");
    });
  });
}
