import assert from "node:assert/strict";
import { createAuthority, issueCertificate } from "../../../shared/pki/certificate_authority.ts";
import { formatProblems } from "../../../shared/config/config_problem.ts";
import { ConfigFolder, example, lineOf } from "./config_folder.ts";

const NO_LISTENERS = {
  "  listeners:\n": "  listeners: []\n  # ",
  "    - address: 0.0.0.0:7443\n": "",
  "      transport: quic\n": "",
};

/** Makes the example of a core dial an edge. */
function dialling(
  { name = "hk-1", keyFile = "edge-identity-key.pem", ways = "[{ address: 'e:1' }]" }: {
    name?: string;
    keyFile?: string;
    ways?: string;
  },
): Record<string, string> {
  const section = `  dial:\n    core_key_file: ${keyFile}\n    ca_file: ca.pem\n` +
    `    edges: [{ name: ${name}, server_name: e, addresses: ${ways} }]\n`;
  return { "  # Small frames": `${section}  # Small frames` };
}

/** Mistakes that show only when options are seen together. */
const MISTAKES: {
  what: string;
  node: "edge" | "core";
  replace: Record<string, string>;
  at: string;
  path: string;
  message: RegExp;
}[] = [
  {
    what: "a route to an origin that is not there",
    node: "core",
    replace: { "- origin: llm": "- origin: lmm" },
    at: "- origin: lmm",
    path: "routes[0].origin",
    message: /^names no origin; did you mean llm\?$/,
  },
  {
    what: "a route behind one that takes everything",
    node: "core",
    replace: { "routes:\n": "routes:\n  - {origin: llm}\n" },
    at: "- origin: llm",
    path: "routes[1]",
    message: /^is never reached: the route in line \d+ takes everything$/,
  },
  {
    what: "two origins of one name",
    node: "core",
    replace: { "origins:\n": "origins:\n  - {name: llm, endpoints: [{url: 'http://a'}]}\n" },
    at: "- name: llm\n",
    path: "origins[1].name",
    message: /^is the same as in line \d+$/,
  },
  {
    what: "keys though nobody is asked for one",
    node: "core",
    replace: { "mode: api_keys": "mode: none" },
    at: "  api_keys:\n",
    path: "auth.api_keys",
    message: /has keys though auth\.mode is none/,
  },
  {
    what: "no key though one is asked for",
    node: "core",
    replace: { "- name: default": "- name: default\n  #", "  api_keys:": "  api_keys: []\n  api_keys_:" },
    at: "  api_keys: []",
    path: "auth.api_keys",
    message: /has no key, so that nobody could call/,
  },
  {
    what: "no place for a key",
    node: "core",
    replace: { "headers: [authorization, x-api-key]": "headers: []" },
    at: "headers: []",
    path: "auth.headers",
    message: /^leaves no place for a key$/,
  },
  {
    what: "an edge with a third key",
    node: "core",
    replace: {
      "\n  edges:\n": "\n  edges:\n" +
        "    - {name: hk-1, public_key: MCowBQYDK2VwAyEAPUAXw+hDiVqStwqnTRt+vJyYLM8uxJaMwM1V8Sr0Zgw=}\n" +
        "    - {name: hk-1, public_key: MCowBQYDK2VwAyEA/FHNjmIYoaONpH7QAjDwWAgW7RO6MwOsXeuRFUiQgCU=}\n",
    },
    at: "    - name: hk-1\n      # The edge's Ed25519",
    path: "tunnel.edges[2].name",
    message: /^is one key too many for this edge$/,
  },
  {
    what: "a core that nobody reaches and that dials nobody",
    node: "core",
    replace: NO_LISTENERS,
    at: "listeners: []",
    path: "tunnel.listeners",
    message: /^is empty, so that no edge could connect$/,
  },
  {
    what: "listeners without a certificate",
    node: "core",
    replace: { "  certificate_file: core-certificate.pem\n": "" },
    at: "tunnel:",
    path: "tunnel.certificate_file",
    message: /^is missing, though there are listeners$/,
  },
  {
    what: "an edge to dial that has no key",
    node: "core",
    replace: dialling({ name: "hk-2" }),
    at: "name: hk-2",
    path: "tunnel.dial.edges[0].name",
    message: /^has no key in tunnel\.edges, so that it could not prove who it is$/,
  },
  {
    what: "a core key of the wrong kind",
    node: "core",
    replace: dialling({ keyFile: "core-key.pem" }),
    at: "core_key_file: core-key.pem",
    path: "tunnel.dial.core_key_file",
    message: /^names a key that is not an Ed25519 key$/,
  },
  {
    what: "one way to an edge twice",
    node: "core",
    replace: dialling({ ways: "[{ address: 'e:1' }, { address: 'E:1' }]" }),
    at: "edges: [{ name: hk-1",
    path: "tunnel.dial.edges[0].addresses[1].address",
    message: /^is the same way as in line \d+$/,
  },
  {
    what: "the admin server on the listener's address",
    node: "edge",
    replace: { "127.0.0.1:9101": "127.0.0.1:443" },
    at: "127.0.0.1:443",
    path: "admin.address",
    message: /^clashes with listener\.address in line \d+, which listens on tcp port 443$/,
  },
  {
    what: "the admin server on the tunnel's TCP port",
    node: "core",
    replace: { "transport: quic": "transport: tls", "127.0.0.1:9102": "127.0.0.1:7443" },
    at: "127.0.0.1:7443",
    path: "admin.address",
    message: /^clashes with tunnel\.listeners\[0\]\.address/,
  },
  {
    what: "one way to a core twice",
    node: "edge",
    replace: {
      "          transport: quic\n":
        "          transport: quic\n        - {address: 'CORE.example.com:7443'}\n",
    },
    at: "{address: 'CORE",
    path: "tunnel.cores[0].addresses[1].address",
    message: /^is the same way as in line \d+$/,
  },
  {
    what: "two cores of one name",
    node: "edge",
    replace: {
      "  cores:\n": "  cores:\n    - {name: sz-1, server_name: a, addresses: [{address: 'a:1'}]}\n",
    },
    at: "    - name: sz-1\n",
    path: "tunnel.cores[1].name",
    message: /^is the same as in line \d+$/,
  },
  {
    what: "watermarks in the wrong order",
    node: "edge",
    replace: { "low_watermark: 0.2": "low_watermark: 0.8" },
    at: "high_watermark: 0.8",
    path: "backpressure.high_watermark",
    message: /^is too small beside backpressure\.low_watermark$/,
  },
  {
    what: "a default that a given value overtakes",
    node: "core",
    replace: { "dead_after_ms: 5000": "", "heartbeat_interval_ms: 1000": "heartbeat_interval_ms: 6000" },
    at: "tunnel:",
    path: "tunnel.dead_after_ms",
    message: /^is too small beside tunnel\.heartbeat_interval_ms$/,
  },
  {
    what: "a key that belongs to another certificate",
    node: "edge",
    replace: { "key_file: edge-key.pem": "key_file: core-key.pem" },
    at: "core-key.pem",
    path: "listener.certificates[0].key_file",
    message: /^names a key that does not belong to the certificate in line \d+$/,
  },
  {
    what: "a certificate file that holds a key",
    node: "edge",
    replace: { "certificate_file: edge-certificate.pem": "certificate_file: edge-key.pem" },
    at: "certificate_file:",
    path: "listener.certificates[0].certificate_file",
    message: /^names a file that holds no certificate in PEM$/,
  },
  {
    what: "an edge key of the wrong kind",
    node: "edge",
    replace: { "edge_key_file: edge-identity-key.pem": "edge_key_file: edge-key.pem" },
    at: "edge_key_file: edge-key",
    path: "tunnel.edge_key_file",
    message: /^names a key that is not an Ed25519 key$/,
  },
  {
    what: "a file option that names a folder",
    node: "edge",
    replace: { "ca_file: ca.pem": "ca_file: ." },
    at: "ca_file: .",
    path: "tunnel.ca_file",
    message: /^names a file that is a folder, not a file$/,
  },
];

/** The section of the example that is off unless given. */
const REVERSE = `
  reverse:
    listeners: [{address: "0.0.0.0:7444", transport: tls}]
    certificate_file: edge-certificate.pem
    key_file: edge-key.pem
    cores: [{name: sz-2, public_key: MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=}]
`;

Deno.test("loadConfig() takes an edge without cores only if cores dial it", async () => {
  await using folder = await ConfigFolder.create();
  const withCores = example("edge");
  const cores = withCores.slice(
    withCores.indexOf("  cores:\n"),
    withCores.indexOf("  # Connections that are kept"),
  );
  const none = withCores.replace(cores, "  cores: []\n");
  const [problem] = await folder.problems(none);
  assert.deepEqual([problem?.path, problem?.line], ["tunnel.cores", lineOf(none, "  cores: []")]);
  assert.match(problem?.message ?? "", /^has no core/);
  assert.deepEqual((await folder.problems(withCores.replace(cores, ""))).map(({ path }) => path), [
    "tunnel.cores",
  ]);
  assert.deepEqual(await folder.problems(none.replace("tunnel:\n", `tunnel:${REVERSE}`)), []);
});

for (
  const [what, from, to, path, message] of [
    [
      "a core that is dialled and dials",
      "sz-2",
      "sz-1",
      "tunnel.reverse.cores[0].name",
      /is the same as in line/,
    ],
    [
      "a key of another certificate",
      "edge-key.pem",
      "core-key.pem",
      "tunnel.reverse.key_file",
      /does not belong/,
    ],
    [
      "a listener on the clients' port",
      "0.0.0.0:7444",
      "127.0.0.1:443",
      "tunnel.reverse.listeners[0].address",
      /clashes with/,
    ],
  ] as const
) {
  Deno.test(`loadConfig() reports in tunnel.reverse ${what}`, async () => {
    await using folder = await ConfigFolder.create();
    assert.ok(REVERSE.includes(from));
    const text = example("edge", { "tunnel:\n": `tunnel:${REVERSE.replace(from, to)}` });
    const problems = await folder.problems(text);
    assert.deepEqual(problems.map((problem) => problem.path), [path]);
    assert.match(problems[0]?.message ?? "", message);
    assert.equal(problems[0]?.line, lineOf(text, to));
  });
}

for (const { what, node, replace, at, path, message } of MISTAKES) {
  Deno.test(`loadConfig() reports ${what} with its line`, async () => {
    await using folder = await ConfigFolder.create();
    const text = example(node, replace);
    const problems = await folder.problems(text);
    const shown = formatProblems("test.yaml", problems);
    const found = problems.find((problem) => problem.path === path && message.test(problem.message));
    assert.ok(found !== undefined, shown);
    assert.equal(found.line, lineOf(text, at), shown);
  });
}

Deno.test("loadConfig() lets QUIC and TLS share a port, since one is UDP and the other TCP", async () => {
  await using folder = await ConfigFolder.create();
  const text = example("core", {
    "  listeners:\n": "  listeners:\n    - {address: '0.0.0.0:7443', transport: tls}\n",
  });
  assert.deepEqual(await folder.problems(text), []);
});

Deno.test("loadConfig() checks what belongs together although something else is wrong", async () => {
  await using folder = await ConfigFolder.create();
  const text = example("edge", { "low_watermark: 0.2": "low_watermark: 0.9", "name: hk-1": "name: HK" });
  const problems = await folder.problems(text);
  assert.deepEqual(problems.map(({ path }) => path), ["name", "backpressure.high_watermark"]);
});

Deno.test("loadConfig() reports a certificate that is expired or not valid yet", async () => {
  await using folder = await ConfigFolder.create();
  const text = example("edge");
  const line = lineOf(text, "certificate_file:");
  const later = await folder.problems(text, { now: new Date(Date.now() + 900 * 86_400_000) });
  assert.deepEqual(later.map((problem) => problem.line), [line]);
  assert.match(later[0]?.message ?? "", /^names a certificate that expired on /);
  const earlier = await folder.problems(text, { now: new Date(0) });
  assert.deepEqual(earlier.map((problem) => problem.path), [
    "listener.certificates[0].certificate_file",
    "tunnel.ca_file",
  ]);
  assert.match(earlier[0]?.message ?? "", /^names a certificate that is not valid before /);
});

Deno.test("loadConfig() takes a chain of certificates and judges its first", async () => {
  await using folder = await ConfigFolder.create();
  const authority = await createAuthority({ name: "other", days: 1 });
  const leaf = await issueCertificate(authority, { names: ["localhost"], days: 1 });
  await folder.write("edge-certificate.pem", leaf.certificatePem + authority.certificatePem);
  await folder.write("edge-key.pem", leaf.keyPem);
  assert.deepEqual(await folder.problems(example("edge")), []);
});

Deno.test("loadConfig() takes a core that only dials, without listeners and certificate", async () => {
  await using folder = await ConfigFolder.create();
  const text = example("core", {
    ...NO_LISTENERS,
    ...dialling({}),
    "  certificate_file: core-certificate.pem\n": "",
    "  key_file: core-key.pem\n": "",
  });
  assert.deepEqual(await folder.problems(text), []);
});
