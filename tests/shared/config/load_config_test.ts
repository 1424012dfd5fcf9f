import assert from "node:assert/strict";
import { ConfigError, type ConfigProblem, formatProblems } from "../../../shared/config/config_problem.ts";
import type { CoreConfig } from "../../../shared/config/core_schema.ts";
import type { EdgeConfig } from "../../../shared/config/edge_schema.ts";
import { loadConfig, loadCoreConfig, loadEdgeConfig } from "../../../shared/config/load_config.ts";
import { DEFAULT_HTTP1_LIMITS, type Http1Limits } from "../../../shared/http1/http1_limits.ts";
import { DEFAULT_HTTP2_LIMITS, type Http2Limits } from "../../../shared/http2/http2_limits.ts";
import { ConfigFolder, example, lineOf } from "./config_folder.ts";

const CAMEL_CASE = /^[a-z][a-zA-Z0-9]*$/;

Deno.test("loadConfig() reads the example of an edge", async () => {
  await using folder = await ConfigFolder.create();
  const config = await folder.load(example("edge")) as EdgeConfig;
  assert.equal(config.node, "edge");
  assert.deepEqual(config.listener.address, { hostname: "0.0.0.0", port: 443 });
  assert.equal(config.listener.certificates[0]?.keyFile, folder.file("edgeKey"));
  const address = { hostname: "core.example.com", port: 7443 };
  assert.deepEqual(config.tunnel.cores, [{
    name: "sz-1",
    serverName: "core.example.com",
    weight: 1,
    addresses: [{ address, transport: "quic" }],
  }]);
  assert.deepEqual([config.tunnel.lanes, config.tunnel.reverse], [4, null]);
  assert.deepEqual(config.tunnel.redundancy, { mode: "auto", maxFrameBytes: 1024, spacingMs: 2 });
  assert.equal(config.tunnel.waitTimeoutMs, 5_000);
  assert.equal(config.backpressure.maxWriteRateBytesPerSecond, 10 * 1024 * 1024);
  assert.deepEqual(config.sse.coalesce, { maxEvents: 1, maxDelayMs: 10 });
  assert.deepEqual(config.admin.address, { hostname: "127.0.0.1", port: 9101 });
  const http1: Http1Limits = config.http1;
  assert.deepEqual(http1, DEFAULT_HTTP1_LIMITS);
  const http2: Http2Limits = config.http2;
  assert.deepEqual(http2, DEFAULT_HTTP2_LIMITS);
});

Deno.test("loadConfig() reads the example of a core", async () => {
  await using folder = await ConfigFolder.create();
  const config = await folder.load(example("core")) as CoreConfig;
  assert.equal(config.node, "core");
  assert.equal(config.origins[0]?.endpoints[0]?.url.href, "http://10.0.0.5:8000/");
  assert.deepEqual(config.auth.headers, ["authorization", "x-api-key"]);
  assert.equal(config.tunnel.dial, null);
  assert.deepEqual(config.limits, { overall: null, perKey: null });
  const absent = [config.auth.apiKeys[0]?.rateLimit, config.origins[0]?.apiKey, config.routes[0]?.models];
  assert.deepEqual(absent, [null, null, null]);
});

Deno.test("loadConfig() gives the same for defaults that are written out and left out", async () => {
  await using folder = await ConfigFolder.create();
  const short = await loadConfig(folder.file("edgeConfig"));
  const long = await folder.load(example("edge", {
    "name: hk-1": "name: edge-1",
    "0.0.0.0:443": "localhost:8443",
    "name: sz-1": "name: core-1",
    "core.example.com:7443": "localhost:7443",
    "          transport: quic\n":
      "          transport: quic\n        - { address: localhost:7443, transport: tls }\n",
    "server_name: core.example.com": "server_name: localhost",
  }));
  assert.deepEqual(short, long);
  const keysOf = (value: unknown): string[] =>
    typeof value === "object" && value !== null && !Array.isArray(value)
      ? Object.entries(value).flatMap(([key, inner]) => [key, ...keysOf(inner)])
      : [];
  assert.deepEqual(keysOf(short).filter((key) => !CAMEL_CASE.test(key)), []);
});

Deno.test("loadConfig() takes all options of the examples that are off unless given", async () => {
  await using folder = await ConfigFolder.create();
  await folder.write("origin-ca.pem", await Deno.readTextFile(folder.file("ca")));
  await folder.write("core-identity-key.pem", await Deno.readTextFile(folder.file("edgeIdentityKey")));
  const text = example("core").replaceAll(/^( *)#(?! \S)/gm, "$1");
  const config = await folder.load(text, { environment: () => "origin-secret" }) as CoreConfig;
  assert.deepEqual(config.limits.perKey, { requestsPerSecond: 10, burst: 20 });
  assert.deepEqual(config.auth.apiKeys[0]?.rateLimit, { requestsPerSecond: 10, burst: 20 });
  assert.equal(config.auth.queryParameter, "api_key");
  assert.equal(config.origins[0]?.apiKey, "origin-secret");
  assert.equal(config.tunnel.edges[0]?.notAfter?.toISOString(), "2030-01-01T00:00:00.000Z");
  assert.deepEqual(config.routes[0]?.models, ["qwen3-*"]);
  const { dial } = config.tunnel;
  assert.deepEqual([dial?.lanes, dial?.connectTimeoutMs, dial?.reconnectMaxMs], [4, 5_000, 10_000]);
  assert.deepEqual(dial?.edges, [{
    name: "hk-1",
    serverName: "edge.example.com",
    addresses: [{ address: { hostname: "edge.example.com", port: 7444 }, transport: "quic" }],
  }]);
  const edge = await folder.load(example("edge").replaceAll(/^( *)#(?! \S)/gm, "$1")) as EdgeConfig;
  assert.deepEqual(edge.tunnel.reverse?.listeners, [
    { address: { hostname: "0.0.0.0", port: 7444 }, transport: "quic" },
  ]);
  assert.deepEqual(edge.tunnel.reverse.cores.map(({ name, weight }) => [name, weight]), [["sz-2", 1]]);
});

Deno.test("loadEdgeConfig() and loadCoreConfig() refuse the other node's file", async () => {
  await using folder = await ConfigFolder.create();
  assert.equal((await loadEdgeConfig(folder.file("edgeConfig"))).node, "edge");
  assert.equal((await loadCoreConfig(folder.file("coreConfig"))).node, "core");
  await assert.rejects(loadEdgeConfig(folder.file("coreConfig")), ConfigError);
  await assert.rejects(loadCoreConfig(folder.file("edgeConfig")), ConfigError);
});

Deno.test("loadConfig() tells of a file that is not there", async () => {
  await assert.rejects(loadConfig("/nowhere/edge.yaml"), (error: unknown) => {
    assert.ok(error instanceof ConfigError);
    assert.match(error.message, /^\/nowhere\/edge\.yaml:1:1: the file does not exist$/);
    return true;
  });
});

Deno.test("loadConfig() reports all problems of a file at once, in the order of its lines", async () => {
  await using folder = await ConfigFolder.create();
  const text = example("edge", {
    "name: hk-1": "name: HK One",
    "address: 0.0.0.0:443": "address: 443",
    "max_connections: 20000": "max_conections: 20000",
    "transport: quic": "transport: udp",
    "high_watermark: 0.8": "high_watermark: 0.1",
    "level: info": "level: loud",
    "edge_key_file: edge-identity-key.pem": "edge_key_file: missing.pem",
  });
  const problems = await folder.problems(text);
  const pieces = [
    "name: HK",
    "address: 443",
    "max_conections",
    "transport: udp",
    "missing.pem",
    "high_w",
    "level: loud",
  ];
  const expected = pieces.map((piece) => lineOf(text, piece)).toSorted((left, right) => left - right);
  assert.deepEqual(problems.map(({ line }) => line), expected);
});

/** What each kind of mistake is answered with. */
const MISTAKES: {
  what: string;
  node: "edge" | "core";
  replace: Record<string, string>;
  /** A piece of the line that the problem is about. */
  at: string;
  problem: { path: string; message: RegExp; found?: string | null; allowed?: RegExp };
}[] = [
  {
    what: "an unknown option",
    node: "edge",
    replace: { "  ca_file: ca.pem": "  ca_flie: ca.pem\n  ca_file: ca.pem" },
    at: "ca_flie",
    problem: {
      path: "tunnel",
      message: /unknown option "ca_flie"; did you mean ca_file\?$/,
      allowed: /reverse, ca_file/,
    },
  },
  {
    what: "an unknown option at the top",
    node: "edge",
    replace: { "name: hk-1": "name: hk-1\nhttp3: {}" },
    at: "http3",
    problem: { path: "", message: /^the file has the unknown option "http3"; did you mean http1\?$/ },
  },
  {
    what: "an option named like a part of every object",
    node: "edge",
    replace: { "name: hk-1": "name: hk-1\n__proto__: {a: 1}" },
    at: "__proto__",
    problem: { path: "", message: /unknown option "__proto__"/ },
  },
  {
    what: "an option that is given twice",
    node: "edge",
    replace: { "name: hk-1": "name: hk-1\nname: hk-2" },
    at: "name: hk-2",
    problem: { path: "name", message: /^is given twice, first in line \d+$/ },
  },
  {
    what: "a missing option",
    node: "edge",
    replace: { "  ca_file: ca.pem": "" },
    at: "tunnel:",
    problem: { path: "tunnel.ca_file", message: /^is missing$/, found: null, allowed: /path of a file/ },
  },
  {
    what: "an option without a value",
    node: "edge",
    replace: { "name: hk-1": "name:" },
    at: "name:",
    problem: { path: "name", message: /^has no value$/, allowed: /letters/ },
  },
  {
    what: "a section without options",
    node: "edge",
    replace: { "log:\n": "log:\nother:\n" },
    at: "log:",
    problem: { path: "log", message: /^has no value$/, allowed: /level, access/ },
  },
  {
    what: "a number out of bounds",
    node: "edge",
    replace: { "max_waiting: 1000": "max_waiting: -1" },
    at: "max_waiting: -1",
    problem: {
      path: "tunnel.max_waiting",
      message: /^is not allowed$/,
      found: "-1",
      allowed: /integer from 0 to/,
    },
  },
  {
    what: "a fraction where an integer is due",
    node: "edge",
    replace: { "max_waiting: 1000": "max_waiting: 1.5" },
    at: "max_waiting",
    problem: { path: "tunnel.max_waiting", message: /^is not allowed$/, found: "1.5" },
  },
  {
    what: "no number at all",
    node: "edge",
    replace: { "high_watermark: 0.8": "high_watermark: .nan" },
    at: "high_watermark: ",
    problem: { path: "backpressure.high_watermark", message: /^is not allowed$/, found: ".nan" },
  },
  {
    what: "a text in place of a number",
    node: "edge",
    replace: { "max_waiting: 1000": "max_waiting: many" },
    at: "max_waiting: many",
    problem: { path: "tunnel.max_waiting", message: /^is not allowed$/, found: '"many"' },
  },
  {
    what: "a number in place of a text",
    node: "edge",
    replace: { "name: hk-1": "name: 17" },
    at: "name: 17",
    problem: { path: "name", message: /^is not a text; put it in quotes$/, found: "17" },
  },
  {
    what: "a word that is none of the choices",
    node: "edge",
    replace: { "compression: none": "compression: br" },
    at: "compression: br",
    problem: { path: "sse.compression", message: /^is not allowed$/, found: '"br"', allowed: /^none, gzip$/ },
  },
  {
    what: "yes in place of true",
    node: "edge",
    replace: { "access: true": "access: yes" },
    at: "access: yes",
    problem: { path: "log.access", message: /^is not allowed$/, allowed: /^true or false$/ },
  },
  {
    what: "a value in place of a section",
    node: "edge",
    replace: { "log:\n": "log: info\nx:\n" },
    at: "log: info",
    problem: { path: "log", message: /^is not a section$/, found: '"info"' },
  },
  {
    what: "a value in place of a list",
    node: "core",
    replace: { "headers: [authorization, x-api-key]": "headers: authorization" },
    at: "headers:",
    problem: { path: "auth.headers", message: /^is not a list$/ },
  },
  {
    what: "a section in place of a value",
    node: "edge",
    replace: { "name: hk-1": "name: {a: 1}" },
    at: "name: {",
    problem: { path: "name", message: /^is not a single value$/, found: "a section" },
  },
  {
    what: "more ways to a core than there may be",
    node: "edge",
    replace: {
      "      addresses:\n": "      addresses:\n" +
        Array.from({ length: 8 }, (_, index) => `        - {address: 'core:${index + 1}'}\n`).join(""),
    },
    at: "      addresses:",
    problem: { path: "tunnel.cores[0].addresses", message: /^has 9 items$/, allowed: /^1 to 8/ },
  },
  {
    what: "an address without a port",
    node: "edge",
    replace: { "0.0.0.0:443": "0.0.0.0" },
    at: "address: 0.0.0.0",
    problem: { path: "listener.address", message: /^has no port$/, allowed: /host:port/ },
  },
  {
    what: "a URL of another kind",
    node: "core",
    replace: { "http://10.0.0.5:8000": "ftp://10.0.0.5" },
    at: "ftp:",
    problem: { path: "origins[0].endpoints[0].url", message: /not an http or https URL/ },
  },
  {
    what: "a date that is none",
    node: "core",
    replace: { "#not_after: 2030-01-01": "not_after: 2030-02-30" },
    at: "not_after",
    problem: { path: "tunnel.edges[0].not_after", message: /^is not a date$/ },
  },
  {
    what: "a public key of another kind",
    node: "core",
    replace: { "public_key: MCow": "public_key: XXXX" },
    at: "public_key: XXXX",
    problem: { path: "tunnel.edges[0].public_key", message: /^is not an Ed25519 public key$/ },
  },
  {
    what: "an alias without an anchor",
    node: "edge",
    replace: { "name: hk-1": "name: *nobody" },
    at: "*nobody",
    problem: { path: "name", message: /anchor &nobody/ },
  },
  {
    what: "a node of a third kind",
    node: "core",
    replace: { "node: core": "node: middle" },
    at: "node: middle",
    problem: { path: "node", message: /^is not allowed$/, found: '"middle"', allowed: /^edge, core$/ },
  },
];

for (const { what, node, replace, at, problem } of MISTAKES) {
  Deno.test(`loadConfig() reports ${what} with its line`, async () => {
    await using folder = await ConfigFolder.create();
    const text = example(node, replace);
    const problems = await folder.problems(text);
    const shown = formatProblems("test.yaml", problems);
    const found = problems.find(({ path, message }) =>
      path === problem.path && problem.message.test(message)
    );
    assert.ok(found !== undefined, shown);
    assert.equal(found.line, lineOf(text, at), shown);
    if (problem.found !== undefined) assert.equal(found.found, problem.found);
    if (problem.allowed !== undefined) assert.match(found.allowed ?? "", problem.allowed);
  });
}

/** Texts that are no configuration at all. */
const NO_CONFIGURATIONS: { what: string; content: string | Uint8Array; expected: Partial<ConfigProblem> }[] =
  [
    { what: "an empty file", content: "", expected: { line: 1, message: "the file is empty" } },
    {
      what: "a file of comments",
      content: "# nothing\n",
      expected: { line: 1, message: "the file is empty" },
    },
    { what: "a list", content: "- node: edge\n", expected: { line: 1, message: "is not a section" } },
    { what: "two documents", content: "node: edge\n---\nnode: core\n", expected: { line: 2 } },
    { what: "a tab", content: "node: edge\nlog:\n\tlevel: info\n", expected: { line: 3 } },
    {
      what: "bytes that are not UTF-8",
      content: new Uint8Array([0x61, 0x0a, 0x62, 0xff]),
      expected: { line: 2, column: 2 },
    },
    { what: "a file that is too large", content: "#".repeat(1024 * 1024 + 1), expected: { line: 1 } },
    {
      what: "endless nesting",
      content: `a: ${"[".repeat(5000)}`,
      expected: { line: 1, message: "YAML nested too deeply" },
    },
    { what: "an unknown tag", content: "node: !secret edge\n", expected: { line: 1 } },
  ];

for (const { what, content, expected } of NO_CONFIGURATIONS) {
  Deno.test(`loadConfig() reports ${what}`, async () => {
    await using folder = await ConfigFolder.create();
    const first = (await folder.problems(content))[0];
    assert.ok(first !== undefined);
    assert.deepEqual({ ...first, ...expected }, first);
  });
}

Deno.test("loadConfig() bounds what aliases can repeat", async () => {
  await using folder = await ConfigFolder.create();
  const endpoints = Array.from({ length: 101 }, () => "      - *one").join("\n");
  const text = example("core", {
    "- url: http://10.0.0.5:8000": `- &one {url: "http://10.0.0.5:8000"}\n${endpoints}`,
  });
  const problems = await folder.problems(text);
  assert.equal(problems.filter(({ message }) => message.includes("one alias too many")).length, 1);
  assert.equal(problems.filter(({ message }) => message.includes("the same as in line")).length, 100);
});

Deno.test("loadConfig() stands a file that repeats itself without end", async () => {
  await using folder = await ConfigFolder.create();
  const problems = await folder.problems(
    "node: core\norigins: &all [*all, *all]\nroutes: &r [&s {origin: *s}]\n",
  );
  assert.ok(problems.length > 0);
});

Deno.test("loadConfig() reports a hundred thousand unknown options without taking long or printing all", async () => {
  await using folder = await ConfigFolder.create();
  const problems = await folder.problems(
    Array.from({ length: 100_000 }, (_, index) => `k${index}: 1`).join("\n"),
  );
  assert.equal(problems.length, 1000);
  assert.match(formatProblems("f", problems), /… and 900 more$/);
});
