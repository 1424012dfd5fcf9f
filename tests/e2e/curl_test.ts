/** curl against the edge, over HTTP/1.1 and HTTP/2: what the wire looks like to a client that hides nothing. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { testWithTool } from "../support/required_tool.ts";
import { runCommand, RunningCommand } from "./support/command.ts";
import { type ConfigFile, Relay } from "./support/relay.ts";

const CHAT = JSON.stringify({
  model: "lowu-demo",
  stream: true,
  max_tokens: 20,
  messages: [{ role: "user", content: "Hello" }],
});
/** Below what curl itself is able to send over HTTP/2. */
const MAX_HEAD_BYTES = 16_384;
const JSON_TYPE = ["-H", "content-type: application/json"];

interface Case {
  readonly relay: Relay;
  readonly version: "--http1.1" | "--http2";
  curl(path: string, ...args: string[]): Promise<Answer>;
  /** The arguments that `curl` adds, for a case that runs it in its own way. */
  args(path: string): string[];
}

interface Answer {
  readonly code: number;
  /** Of the last head. */
  readonly status: number;
  /** Every head and the trailers, in lower case. */
  readonly heads: string;
  readonly body: string;
}

const CASES: Readonly<Record<string, (one: Case) => Promise<void>>> = {
  "streams event by event": async ({ relay, args, version }) => {
    const id = `progress${version}`;
    const headers = ["-H", `x-lowu-test-id: ${id}`, "-H", "x-lowu-fault: stall;after=5"];
    const curl = new RunningCommand("curl", [
      ...args("/v1/chat/completions"),
      ...JSON_TYPE,
      "-d",
      CHAT,
      ...headers,
    ]);
    try {
      await relay.origin.seen(id, 5);
      await curl.readUntil(/(data: [^\n]*\n\n){4}/);
      assert.equal((await relay.origin.seen(id, "started")).state, "open", "the origin is not done");
    } finally {
      curl.signal("SIGTERM");
      await curl.ended();
    }
    assert.equal((await relay.origin.seen(id, "ended")).state, "aborted");
  },
  "gets a whole stream": async ({ curl }) => {
    const { status, heads, body } = await curl("/v1/chat/completions", ...JSON_TYPE, "-d", CHAT);
    assert.equal(status, 200);
    assert.match(heads, /content-type: text\/event-stream/);
    assert.match(body, /data: \[DONE\]\n\n$/);
  },
  "gets trailers and informational answers": async ({ curl }) => {
    const faults = ["-H", "x-lowu-fault: informational,trailers", "-H", "te: trailers"];
    const { heads } = await curl("/v1/chat/completions", ...JSON_TYPE, "-d", CHAT, ...faults);
    assert.match(heads, /^http\/[\d.]+ 103[^]*link: <\/style\.css>[^]*^http\/[\d.]+ 200/m);
    assert.match(heads, /x-origin-trailer: end/);
  },
  "gets a head alone": async ({ curl }) => {
    const { code, status, heads, body } = await curl("/v1/models", "-I");
    assert.deepEqual([code, status, body], [0, 200, ""]);
    assert.match(heads, /content-length: [1-9]/);
  },
  "is told to go on before it sends a body": async ({ curl }) => {
    const { heads } = await curl(
      "/v1/chat/completions",
      ...JSON_TYPE,
      "-d",
      CHAT,
      "-H",
      "expect: 100-continue",
    );
    assert.match(heads, /^http\/[\d.]+ 200/m);
  },
  "gets 30 MB back as it sent them, in both directions at once": async ({ relay, curl, version }) => {
    const upload = join(relay.directory, "upload");
    const download = join(relay.directory, `download${version}`);
    const sent = await writeNoise(upload, 30 * 1024 * 1024);
    const { code, status } = await curl(
      "/v1/echo",
      "-T",
      upload,
      "-X",
      "POST",
      "-H",
      "x-lowu-fault: echo",
      "-o",
      download,
    );
    assert.deepEqual([code, status], [0, 200]);
    assert.equal(sha256(await Deno.readFile(download)), sent);
  },
  "sends a body of unknown length": async ({ relay, args, version }) => {
    const upload = join(relay.directory, `pipe${version}`);
    await writeNoise(upload, 300_000);
    const headers = ["-H", "x-lowu-fault: echo"];
    const curl = [...args("/v1/echo"), ...headers, "-T", "-", "-X", "POST"].map((one) => `'${one}'`).join(
      " ",
    );
    const { stdout } = await runCommand("bash", {
      args: ["-c", `curl ${curl} < ${upload} | cmp - ${upload} && echo same`],
    });
    assert.equal(stdout, "same\n");
  },
  "has its caching and connection fields taken out, both ways": async ({ curl }) => {
    const sent = {
      "cache-control": "max-age=60",
      "pragma": "x",
      "if-modified-since": "Sat, 01 Jan 2000 00:00:00 GMT",
      "if-none-match": '"tag"',
      "x-forwarded-for": "192.0.2.1",
      "x-kept": "as it is",
    };
    const fields = Object.entries(sent).flatMap(([name, value]) => ["-H", `${name}: ${value}`]);
    const { heads, body } = await curl("/v1/x?a=b&c=%20d", "-H", "x-lowu-fault: echo-headers", ...fields);
    const seen = JSON.parse(body);
    assert.equal(seen.path, "/v1/x?a=b&c=%20d");
    const names = new Map<string, string>(seen.fields);
    for (const name of ["cache-control", "pragma", "if-modified-since", "if-none-match", "authorization"]) {
      assert.ok(!names.has(name), `${name} reaches the origin`);
    }
    assert.equal(names.get("x-real-time"), "true");
    assert.equal(names.get("x-forwarded-for"), "127.0.0.1");
    assert.equal(names.get("x-kept"), "as it is");
    const caching = heads.split("\r\n").filter((line) => /^(cache-control|pragma|expires|etag)/.test(line));
    assert.deepEqual(caching.toSorted(), [
      "cache-control: no-store, no-cache, must-revalidate",
      "pragma: no-cache",
    ]);
  },
  "is refused what is too large or malformed": async ({ curl, version }) => {
    const large = await curl("/v1/models", "-H", `x-large: ${"x".repeat(MAX_HEAD_BYTES)}`);
    assert.equal(large.status, 431);
    assert.equal(JSON.parse(large.body).error.code, "head_too_large");
    const many = await curl(
      "/v1/models",
      ...Array.from({ length: 300 }, (_, i) => ["-H", `x-${i}: 1`]).flat(),
    );
    assert.equal(many.status, 431);
    if (version === "--http2") return;
    const malformed = await curl("/v1/models", "-H", "host: a b");
    assert.equal(malformed.status, 400);
    assert.equal(JSON.parse(malformed.body).error.code, "invalid_request");
  },
  "may use any method and path": async ({ curl }) => {
    for (const method of ["PUT", "PATCH", "DELETE", "OPTIONS", "NEWVERB"]) {
      const { body } = await curl("/next/year", "-X", method, "-H", "x-lowu-fault: echo-headers");
      assert.equal(JSON.parse(body).method, method);
    }
  },
};

testWithTool("curl", "curl sees a correct edge", async (context) => {
  const edge = (config: ConfigFile) => {
    config.http1 = { max_head_bytes: MAX_HEAD_BYTES };
    config.http2 = { max_head_bytes: MAX_HEAD_BYTES };
  };
  await Relay.run({ edge }, async (relay) => {
    for (const version of ["--http2", "--http1.1"] as const) {
      const args = (path: string) => [
        "-sSN",
        version,
        "--max-time",
        "60",
        "--cacert",
        relay.caFile,
        "-H",
        `authorization: Bearer ${relay.key}`,
        relay.url + path,
      ];
      const curl = async (path: string, ...more: string[]): Promise<Answer> => {
        const headFile = join(relay.directory, "heads");
        const { code, stdout } = await runCommand("curl", { args: [...args(path), "-D", headFile, ...more] });
        const heads = (await Deno.readTextFile(headFile)).toLowerCase();
        const status = Number(/^http\/\S+ (\d+)/gm.exec(heads.slice(heads.lastIndexOf("http/")))?.[1]);
        // With -I curl writes the head to standard output, too.
        return { code, status, heads, body: more.includes("-I") ? "" : stdout };
      };
      for (const [name, test] of Object.entries(CASES)) {
        await context.step(`${name}, ${version}`, () => test({ relay, version, curl, args }));
      }
    }
  });
});

/** Fills a file with bytes that no compression or repetition can hide an error in; gives their hash. */
async function writeNoise(file: string, bytes: number): Promise<string> {
  const noise = new Uint8Array(bytes);
  for (let at = 0; at < bytes; at += 65_536) crypto.getRandomValues(noise.subarray(at, at + 65_536));
  await Deno.writeFile(file, noise);
  return sha256(noise);
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
