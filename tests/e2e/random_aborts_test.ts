/**
 * Clients that leave at random moments: in the end, every counter, ledger and buffer of every process is at zero.
 *
 * `LOWU_ABORTS` says how many (10,000 for a release); `LOWU_SEED` repeats a run.
 */
import assert from "node:assert/strict";
import { Random } from "../shared/tunnel/simulation/random.ts";
import { RelayClient } from "./support/clients.ts";
import {
  type Leaving,
  type LeavingClient,
  LeavingHttp1Client,
  LeavingHttp2Client,
} from "./support/leaving_client.ts";
import { type ConfigFile, Relay, sumOf } from "./support/relay.ts";
import { until } from "./support/until.ts";

const ABORTS = Number(Deno.env.get("LOWU_ABORTS") ?? "2000");
const SEED = Number(Deno.env.get("LOWU_SEED") ?? crypto.getRandomValues(new Uint32Array(1))[0]);
const CONCURRENT = 64;

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

const JSON_FIELD = ["content-type", "application/json"] as const;

function chat(stream: boolean): Uint8Array {
  const messages = [{ role: "user", content: "Which way to the border?" }];
  return new TextEncoder().encode(
    JSON.stringify({ model: "lowu-demo", stream, max_tokens: 2000, ignore_eos: true, messages }),
  );
}

const STREAMED = chat(true);
const WHOLE = chat(false);
const NOISE = crypto.getRandomValues(new Uint8Array(65_536));

/** A request and a moment within it. */
function randomLeaving(random: Random): Leaving {
  const afterMs = random.between(0, 25);
  const path = "/v1/chat/completions";
  switch (
    random.pick(
      ["at head", "in stream", "whole", "in request", "in upload", "in echo", "in trailers"] as const,
    )
  ) {
    case "at head":
      return { path, fields: [JSON_FIELD], body: STREAMED, isBodyWhole: true, afterBytes: 0, afterMs: 1000 };
    case "in stream": {
      const afterBytes = random.between(1, 5000);
      return { path, fields: [JSON_FIELD], body: STREAMED, isBodyWhole: true, afterBytes, afterMs: 1000 };
    }
    case "whole":
      return { path, fields: [JSON_FIELD], body: WHOLE, isBodyWhole: true, afterBytes: null, afterMs };
    case "in request": {
      const body = STREAMED.subarray(0, random.between(1, STREAMED.length - 1));
      return { path, fields: [JSON_FIELD], body, isBodyWhole: false, afterBytes: null, afterMs };
    }
    case "in upload": {
      const fields = [["content-type", "multipart/form-data; boundary=x"]] as const;
      const body = NOISE.subarray(0, random.between(1, NOISE.length));
      return { path: "/v1/files", fields, body, isBodyWhole: false, afterBytes: null, afterMs };
    }
    case "in echo": {
      const body = NOISE.subarray(0, random.between(1, NOISE.length));
      const afterBytes = random.between(0, body.length - 1);
      return {
        path,
        fields: [["x-lowu-fault", "echo"]],
        body,
        isBodyWhole: false,
        afterBytes,
        afterMs: 1000,
      };
    }
    case "in trailers": {
      const fields = [JSON_FIELD, ["x-lowu-fault", "informational,trailers"]] as const;
      return { path, fields, body: STREAMED, isBodyWhole: true, afterBytes: null, afterMs };
    }
  }
}

async function leaveOften(relay: Relay, random: Random): Promise<void> {
  const http2 = () => LeavingHttp2Client.connect(relay);
  const clients: LeavingClient[] = [
    await http2(),
    await http2(),
    await http2(),
    new LeavingHttp1Client(relay),
  ];
  let toLeave = ABORTS / 2;
  const leaveInTurn = async () => {
    while (toLeave-- > 0) await random.pick(clients).leave(randomLeaving(random));
  };
  await Promise.all(Array.from({ length: CONCURRENT }, leaveInTurn));
  for (const client of clients) client.close();
}

/** What is not zero. */
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
  if (started !== finished + aborted) {
    found.push(`origin: ${started} started, ${finished} + ${aborted} ended`);
  }
  return found;
}

/** The edge's own probes come and go, so it is asked until all is zero at once. */
async function assertNothingRemains(relay: Relay): Promise<void> {
  let last: string[] = [];
  try {
    await until("all is zero", async () => (last = await remains(relay)).length === 0 ? true : null);
  } catch (cause) {
    throw new Error(last.join("\n"), { cause });
  }
}

for (const transport of ["quic", "tls"] as const) {
  Deno.test(`${ABORTS / 2} random aborts over ${transport} leave nothing behind`, async () => {
    console.log(`LOWU_SEED=${SEED} LOWU_ABORTS=${ABORTS}`);
    const edge = (config: ConfigFile) => {
      config.http2 = { reset_burst: 100_000, resets_per_second: 10_000 };
    };
    const core = (config: ConfigFile) => {
      config.origins[0].idle_connection_timeout_ms = 100;
    };
    await Relay.run({ transport, edge, core }, async (relay) => {
      await leaveOften(relay, new Random(SEED));
      await assertNothingRemains(relay);
      const { exchanges } = await relay.origin.counts();
      assert.ok(exchanges.aborted > ABORTS / 8, `only ${exchanges.aborted} aborts reached the origin`);
      using client = new RelayClient(relay, "h2");
      assert.match(await (await client.chat({ stream: true })).text(), /\[DONE\]/, "and it goes on");
    });
  });
}
