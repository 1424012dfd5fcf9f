import assert from "node:assert/strict";
import {
  type ServedEmbeddedOrigin,
  serveEmbeddedOrigin,
} from "../../../deploy/embedded_origin/serve_embedded_origin.ts";

const FAST = { prefillTokensPerSecond: Infinity, decodeTokensPerSecond: 2000, stepSlopeMs: 0 };
const CHAT = { model: "lowu-demo", messages: [{ role: "user", content: "Hello" }] };
const STREAM = { ...CHAT, stream: true, max_tokens: 10, ignore_eos: true };

function withOrigin(name: string, test: (origin: ServedEmbeddedOrigin) => Promise<void>): void {
  Deno.test(name, async () => {
    const origin = serveEmbeddedOrigin({ engine: FAST });
    try {
      await test(origin);
    } finally {
      await origin.close();
    }
  });
}

function ask(
  origin: ServedEmbeddedOrigin,
  body: unknown,
  headers: Record<string, string> = {},
): Promise<Response> {
  return fetch(`${origin.url}/v1/chat/completions`, { method: "POST", body: JSON.stringify(body), headers });
}

function tokensIn(text: string): number {
  return text.split('"delta":{"content":').length - 1;
}

/** Sends `head` (with LF line ends) on a socket of its own and reads until the origin closes it. */
async function exchangeRaw(origin: ServedEmbeddedOrigin, head: string): Promise<string> {
  const [hostname = "", port] = origin.address.split(":");
  using socket = await Deno.connect({ hostname, port: Number(port) });
  await socket.write(new TextEncoder().encode(head.replaceAll("\n", "\r\n")));
  return await new Response(socket.readable).text();
}

function rawChat(body: unknown, fields: string): string {
  const json = JSON.stringify(body);
  return `POST /v1/chat/completions HTTP/1.1\nhost: origin\nconnection: close\n${fields}` +
    `content-length: ${json.length}\n\n${json}`;
}

withOrigin("serveEmbeddedOrigin() answers bad requests in OpenAI's error shape", async (origin) => {
  const cases: [string, unknown, number, string | null][] = [
    ["/v1/chat/completions", { ...CHAT, model: "gpt-0" }, 404, "model_not_found"],
    ["/v1/chat/completions", { ...CHAT, n: 2 }, 400, null],
    ["/v1/chat/completions", { model: "lowu-demo", messages: [] }, 400, null],
    ["/v1/chat/completions", { ...CHAT, max_tokens: 5_000_000 }, 400, "context_length_exceeded"],
    ["/v1/completions", { model: "lowu-demo", prompt: ["a", "b"] }, 400, null],
    ["/v1/embeddings", { model: "lowu-demo", input: [] }, 400, null],
    ["/v1/nothing", {}, 404, null],
    ["/v1/models", {}, 405, null],
  ];
  for (const [path, body, status, code] of cases) {
    const answer = await fetch(origin.url + path, { method: "POST", body: JSON.stringify(body) });
    const { error } = await answer.json();
    assert.deepEqual([answer.status, error.code], [status, code], JSON.stringify(body));
    assert.equal(typeof error.message, "string");
    assert.equal(error.type, "invalid_request_error");
  }
  const broken = await fetch(`${origin.url}/v1/responses`, { method: "POST", body: '{"model":' });
  assert.equal(broken.status, 400);
  assert.match((await broken.json()).error.message, /not JSON/);
});

withOrigin("serveEmbeddedOrigin() tells vLLM's metrics", async (origin) => {
  await (await ask(origin, STREAM)).text();
  await (await ask(origin, CHAT)).text();
  const leaving = new AbortController();
  const endless = { ...STREAM, max_tokens: 100_000 };
  const left = await fetch(`${origin.url}/v1/chat/completions`, {
    method: "POST",
    body: JSON.stringify(endless),
    signal: leaving.signal,
    headers: { "x-lowu-test-id": "left" },
  });
  const during = await (await fetch(`${origin.url}/metrics`)).text();
  assert.match(during, /^vllm:num_requests_running\{engine="0",model_name="lowu-demo"\} 1$/m);
  assert.match(during, /^vllm:kv_cache_usage_perc\{.*\} 0\.0\d+$/m);
  leaving.abort();
  await assert.rejects(left.text());
  await (await fetch(`${origin.url}/debug/requests/left?until=ended`)).json();
  const text = await (await fetch(`${origin.url}/metrics`)).text();
  for (
    const line of [
      'vllm:num_requests_running{engine="0",model_name="lowu-demo"} 0',
      'vllm:num_requests_waiting{engine="0",model_name="lowu-demo"} 0',
      'vllm:kv_cache_usage_perc{engine="0",model_name="lowu-demo"} 0',
      'vllm:request_success_total{engine="0",model_name="lowu-demo",finished_reason="stop"} 1',
      'vllm:request_success_total{engine="0",model_name="lowu-demo",finished_reason="length"} 1',
      'vllm:request_success_total{engine="0",model_name="lowu-demo",finished_reason="abort"} 1',
      'vllm:time_to_first_token_seconds_bucket{engine="0",model_name="lowu-demo",le="+Inf"} 3',
      'vllm:e2e_request_latency_seconds_count{engine="0",model_name="lowu-demo"} 2',
      'vllm:cache_config_info{engine="0",model_name="lowu-demo",block_size="16",num_gpu_blocks="65536"} 1',
    ]
  ) assert.ok(text.split("\n").includes(line), line);
  const counts = /^vllm:inter_token_latency_seconds_count\{.*\} (\d+)$/m.exec(text)?.[1];
  const tokens = /^vllm:generation_tokens_total\{.*\} (\d+)$/m.exec(text)?.[1];
  assert.equal(Number(counts), Number(tokens) - 3);
  assert.equal((await fetch(`${origin.url}/health`, { method: "HEAD" })).status, 200);
  assert.equal(typeof (await (await fetch(`${origin.url}/version`)).json()).version, "string");
});

withOrigin("serveEmbeddedOrigin() reports its load on whole answers when asked", async (origin) => {
  const answer = await ask(origin, CHAT, { "endpoint-load-metrics-format": "json" });
  await answer.text();
  assert.match(
    answer.headers.get("endpoint-load-metrics") ?? "",
    /^JSON \{"named_metrics":\{"kv_cache_usage_perc":0/,
  );
});

withOrigin("serveEmbeddedOrigin() refuses, fails and stalls on demand", async (origin) => {
  await assert.rejects(ask(origin, CHAT, { "x-lowu-fault": "refuse" }), TypeError);
  const failed = await ask(origin, CHAT, { "x-lowu-fault": "500" });
  assert.deepEqual([failed.status, (await failed.json()).error.type], [500, "server_error"]);
  const limited = await ask(origin, CHAT, { "x-lowu-fault": "429;retry-after=7" });
  assert.deepEqual([limited.status, limited.headers.get("retry-after")], [429, "7"]);
  await limited.text();
  const unknown = await ask(origin, CHAT, { "x-lowu-fault": "explode" });
  assert.equal(unknown.status, 400);
  await unknown.text();
  const leaving = new AbortController();
  const stalled = fetch(`${origin.url}/v1/chat/completions`, {
    method: "POST",
    body: JSON.stringify(CHAT),
    signal: leaving.signal,
    headers: { "x-lowu-fault": "stall-before-head", "x-lowu-test-id": "stalled" },
  });
  const failure = assert.rejects(stalled);
  const seen = await (await fetch(`${origin.url}/debug/requests/stalled?until=started`)).json();
  assert.deepEqual([seen.state, seen.headAt], ["open", null]);
  leaving.abort();
  await failure;
  const ended = await (await fetch(`${origin.url}/debug/requests/stalled?until=ended`)).json();
  assert.equal(ended.state, "aborted");
});

withOrigin(
  "serveEmbeddedOrigin() cuts a stream after the tokens asked for, without a clean end",
  async (origin) => {
    const text = await exchangeRaw(origin, rawChat(STREAM, "x-lowu-fault: cut;after=5\n"));
    assert.equal(tokensIn(text), 5);
    assert.ok(!text.includes("[DONE]"));
    assert.ok(!text.endsWith("0\r\n\r\n"));
    const whole = await exchangeRaw(origin, rawChat(STREAM, ""));
    assert.equal(tokensIn(whole), 10);
    assert.ok(whole.endsWith("data: [DONE]\n\n\r\n0\r\n\r\n"));
    assert.equal(origin.services.driver.engine.running, 0);
    assert.equal(origin.services.driver.engine.statistics.aborted, 1);
  },
);

withOrigin("serveEmbeddedOrigin() goes silent after the tokens asked for", async (origin) => {
  const leaving = new AbortController();
  const answer = await fetch(`${origin.url}/v1/chat/completions`, {
    method: "POST",
    body: JSON.stringify(STREAM),
    signal: leaving.signal,
    headers: { "x-lowu-fault": "stall;after=3", "x-lowu-test-id": "silent" },
  });
  await (await fetch(`${origin.url}/debug/requests/silent?until=3`)).json();
  let text = "";
  const decoder = new TextDecoder();
  const reader = answer.body?.getReader();
  while (tokensIn(text) < 3) text += decoder.decode((await reader?.read())?.value, { stream: true });
  assert.equal(tokensIn(text), 3);
  const record = await (await fetch(`${origin.url}/debug/requests/silent`)).json();
  assert.deepEqual([record.state, record.pieces], ["open", 3]);
  leaving.abort();
  await assert.rejects(reader?.read() ?? Promise.resolve());
  await (await fetch(`${origin.url}/debug/requests/silent?until=ended`)).json();
});

withOrigin("serveEmbeddedOrigin() sends early hints and trailers on demand", async (origin) => {
  const text = await exchangeRaw(
    origin,
    rawChat(CHAT, "te: trailers\nx-lowu-fault: informational, trailers\n"),
  );
  assert.match(text, /^HTTP\/1\.1 103 [^]*?link: <\/style.css>[^]*?\r\n\r\nHTTP\/1\.1 200 /i);
  assert.match(text, /\r\n0\r\nx-origin-trailer: end\r\n\r\n$/i);
});

withOrigin("serveEmbeddedOrigin() echoes a body while it arrives", async (origin) => {
  const [hostname = "", port] = origin.address.split(":");
  using socket = await Deno.connect({ hostname, port: Number(port) });
  const encoder = new TextEncoder();
  const decoder = new TextDecoder();
  let text = "";
  const readUntil = async (wanted: string) => {
    const buffer = new Uint8Array(4096);
    while (!text.includes(wanted)) {
      const read = await socket.read(buffer);
      assert.ok(read !== null, `closed before ${wanted}`);
      text += decoder.decode(buffer.subarray(0, read));
    }
  };
  await socket.write(encoder.encode(
    "POST /anything HTTP/1.1\r\nhost: origin\r\nx-lowu-fault: echo\r\ntransfer-encoding: chunked\r\n\r\n",
  ));
  await readUntil("HTTP/1.1 200");
  for (const word of ["first", "again"]) {
    await socket.write(encoder.encode(`5\r\n${word}\r\n`));
    await readUntil(word);
  }
  await socket.write(encoder.encode("0\r\n\r\n"));
  await readUntil("0\r\n\r\n");
});

withOrigin("serveEmbeddedOrigin() shows the head that it received", async (origin) => {
  const answer = await ask(origin, CHAT, { "x-lowu-fault": "echo-headers", "authorization": "Bearer sk-1" });
  const head = await answer.json();
  assert.equal(head.method, "POST");
  assert.equal(head.path, "/v1/chat/completions");
  assert.equal(head.authority, origin.address);
  assert.ok(
    head.fields.some(([name, value]: string[]) => name === "authorization" && value === "Bearer sk-1"),
  );
});

withOrigin(
  "serveEmbeddedOrigin() strikes everybody with a standing fault until it is used up",
  async (origin) => {
    const set = (body: unknown) =>
      fetch(`${origin.url}/debug/faults`, { method: "POST", body: JSON.stringify(body) });
    assert.deepEqual(await (await set({ fault: "503", count: 2 })).json(), {
      fault: "503",
      path: "/v1/",
      count: 2,
    });
    const statuses: number[] = [];
    for (let i = 0; i < 3; i++) {
      const answer = await fetch(`${origin.url}/v1/models`);
      await answer.text();
      statuses.push(answer.status);
    }
    assert.deepEqual(statuses, [503, 503, 200]);
    await (await set({ fault: "500", path: "/health" })).text();
    const sick = await fetch(`${origin.url}/health`);
    await sick.text();
    assert.equal(sick.status, 500);
    await (await set({ fault: null })).text();
    assert.equal((await fetch(`${origin.url}/health`)).status, 200);
    const wrong = await set({ fault: "explode" });
    await wrong.text();
    assert.equal(wrong.status, 400);
  },
);

withOrigin("serveEmbeddedOrigin() counts requests", async (origin) => {
  await (await ask(origin, STREAM, { "x-request-id": "r1" })).text();
  const counts = await (await fetch(`${origin.url}/debug/requests`)).json();
  const { running, waiting, kvTokens, started, finished, aborted } = counts;
  assert.deepEqual({ running, waiting, kvTokens, started, finished, aborted }, {
    running: 0,
    waiting: 0,
    kvTokens: 0,
    started: 1,
    finished: 1,
    aborted: 0,
  });
  const record = await (await fetch(`${origin.url}/debug/requests/r1`)).json();
  assert.deepEqual([record.state, record.status, record.pieces], ["ended", 200, 11]);
  assert.ok(record.startedAt <= record.headAt && record.headAt <= record.endedAt);
  const missing = await fetch(`${origin.url}/debug/requests/r2`);
  await missing.text();
  assert.equal(missing.status, 404);
});

Deno.test("main.ts prints its address as JSON and refuses flags it does not know", async () => {
  const main = new URL("../../../deploy/embedded_origin/main.ts", import.meta.url).pathname;
  const run = (...args: string[]) =>
    new Deno.Command(Deno.execPath(), {
      args: ["run", "--frozen", "--no-check", "--allow-net", main, ...args],
      stdout: "piped",
      stderr: "piped",
    });
  const child = run("--json", "--models", "a,b", "--decode-tokens-per-second=1000").spawn();
  const lines = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const { url } = JSON.parse((await lines.read()).value ?? "");
  const models = await (await fetch(`${url}/v1/models`)).json();
  assert.deepEqual(models.data.map((model: { id: string }) => model.id), ["a", "b"]);
  child.kill("SIGTERM");
  await lines.cancel();
  await child.stderr.cancel();
  assert.equal((await child.status).code, 0);
  const refused = await run("--unknown", "1").output();
  assert.equal(refused.code, 2);
  assert.match(new TextDecoder().decode(refused.stderr), /unknown flag --unknown/);
});
