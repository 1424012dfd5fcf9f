/**
 * Clients that others wrote, on plain TCP. What is not installed is skipped and named; with LOWU_REQUIRE_SERVERS=1 it
 * fails, but for h2spec, which no distribution packages (see deploy/docs/h2spec.md).
 */
import assert from "node:assert/strict";
import { HELLO, hello, TestServer } from "./http2_server.ts";

const IS_REQUIRED = Deno.env.get("LOWU_REQUIRE_SERVERS") === "1";

function isInstalled(tool: string): boolean {
  try {
    return new Deno.Command(tool, { args: ["--version"], stdout: "null", stderr: "null" }).outputSync()
      .success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

function testWith(tool: string, test: { name: string; run(): Promise<void> }): void {
  const ignore = !(IS_REQUIRED && tool !== "h2spec") && !isInstalled(tool);
  Deno.test({ name: ignore ? `${test.name} (${tool} is not installed)` : test.name, ignore, fn: test.run });
}

async function output(tool: string, args: string[]): Promise<string> {
  const result = await new Deno.Command(tool, { args, stdout: "piped", stderr: "piped" }).output();
  const text = new TextDecoder().decode(result.stdout);
  assert(result.success, `${tool} ${args.join(" ")}: ${text}${new TextDecoder().decode(result.stderr)}`);
  return text;
}

testWith("curl", {
  name: "serveHttp2() serves curl: GET, a large POST with 100-continue, HEAD",
  async run() {
    await using server = new TestServer({ onEnd: hello });
    const url = `http://127.0.0.1:${server.port}/v1/x?y=1`;
    const curl = (...args: string[]) => output("curl", ["-sS", "--http2-prior-knowledge", ...args, url]);
    assert.equal(await curl(), "hello");
    const file = await Deno.makeTempFile();
    await Deno.writeFile(file, new Uint8Array(3_000_000));
    assert.equal(await curl("-H", "Expect: 100-continue", "--data-binary", `@${file}`), "hello");
    await Deno.remove(file);
    assert.equal(server.seen[1]?.body, 3_000_000);
    assert.match(await curl("-I"), /^HTTP\/2 200/);
    assert.equal(server.seen[0]?.head.path, "/v1/x?y=1");
  },
});

testWith("nghttp", {
  name: "serveHttp2() serves nghttp: its priorities, padding and trailers",
  async run() {
    await using server = new TestServer({ onEnd: hello });
    const url = `http://127.0.0.1:${server.port}/`;
    const file = await Deno.makeTempFile();
    await Deno.writeFile(file, new Uint8Array(100_000));
    const text = await output("nghttp", ["-d", file, "-b", "16", "--trailer", "x-sum: 1", url]);
    await Deno.remove(file);
    assert.equal(text, "hello");
    assert.deepEqual([server.seen[0]?.body, server.seen[0]?.trailers?.get("x-sum")], [100_000, "1"]);
  },
});

testWith("h2load", {
  name: "serveHttp2() serves h2load: 2,000 requests over 5 connections of 20 streams",
  async run() {
    await using server = new TestServer({ onEnd: hello });
    const url = `http://127.0.0.1:${server.port}/`;
    const text = await output("h2load", ["-n", "2000", "-c", "5", "-m", "20", url]);
    assert.match(text, /2000 succeeded, 0 failed, 0 errored/);
    assert.equal(server.seen.reduce((sum, seen) => sum + seen.consumed, 0), 2000 * HELLO.length);
  },
});

testWith("h2spec", {
  name: "serveHttp2() passes h2spec in strict mode",
  async run() {
    await using server = new TestServer({ onEnd: hello });
    const text = await output("h2spec", ["-h", "127.0.0.1", "-p", String(server.port), "--strict"]);
    assert.match(text, / 0 failed/);
  },
});
