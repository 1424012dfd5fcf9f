import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { join } from "node:path";
import { PAIR_FILES, type PairError, writePair } from "../../deploy/write_pair.ts";
import { hashApiKey } from "../../shared/config/api_key.ts";
import { loadCoreConfig, loadEdgeConfig } from "../../shared/config/load_config.ts";
import { runDeploy } from "./run_deploy.ts";

const PERMISSIONS = ["--allow-read", "--allow-write"];
const ADDRESSES = ["--edge-address", "edge.example.com:443", "--tunnel-address", "core.example.com:7443"];

async function inTemporaryFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("init() writes a pair that check() finds valid, and prints the API key once", async () => {
  await inTemporaryFolder(async (folder) => {
    const out = join(folder, "new", "pair");
    const origins = ["--origin", "http://10.0.0.5:8000", "--origin", "http://10.0.0.6:8000/base"];
    const args = ["--out", out, ...ADDRESSES, ...origins, "--edge-name", "hk-1", "--transport", "tls"];
    const result = await runDeploy("init.ts", { args, permissions: PERMISSIONS });
    assert.equal(result.code, 0, result.stderr);
    for (const node of ["edge", "core"]) {
      const file = join(out, `${node}.yaml`);
      const checked = await runDeploy("check.ts", {
        args: ["--config", file],
        permissions: ["--allow-read", "--allow-env"],
      });
      assert.equal(checked.stdout, `${file} is valid (${node})\n`);
    }
    const edge = await loadEdgeConfig(join(out, "edge.yaml"));
    const core = await loadCoreConfig(join(out, "core.yaml"));
    const [key] = /sk-lowu-[\w-]{43}/.exec(result.stdout) ?? [""];
    assert.equal(core.auth.apiKeys[0]?.hash, hashApiKey(key));
    assert.equal(edge.name, "hk-1");
    assert.equal(core.tunnel.edges[0]?.name, "hk-1");
    assert.deepEqual(edge.listener.address, { hostname: "0.0.0.0", port: 443 });
    const address = { hostname: "core.example.com", port: 7443 };
    assert.deepEqual(edge.tunnel.cores[0]?.addresses, [{ address, transport: "tls" }]);
    const listening = { address: { hostname: "0.0.0.0", port: 7443 }, transport: "tls" };
    assert.deepEqual(core.tunnel.listeners, [listening]);
    const urls = core.origins[0]?.endpoints.map(({ url }) => url.href);
    assert.deepEqual(urls, ["http://10.0.0.5:8000/", "http://10.0.0.6:8000/base"]);
    for (const { name } of Deno.readDirSync(out)) {
      assert.ok(!(await Deno.readTextFile(join(out, name))).includes(key), `${name} holds the API key`);
    }
  });
});

Deno.test("init() gives the tunnel QUIC and TLS on one port unless it is told otherwise", async () => {
  await inTemporaryFolder(async (folder) => {
    const args = ["--out", folder, ...ADDRESSES, "--origin", "http://127.0.0.1:8000"];
    const result = await runDeploy("init.ts", { args, permissions: PERMISSIONS });
    assert.match(result.stdout, /the edge comes in on UDP and TCP port 7443/);
    const edge = await loadEdgeConfig(join(folder, "edge.yaml"));
    const core = await loadCoreConfig(join(folder, "core.yaml"));
    const ways = [edge.tunnel.cores[0]?.addresses ?? [], core.tunnel.listeners].map((list) =>
      list.map(({ address, transport }) => `${transport} ${address.hostname}:${address.port}`)
    );
    assert.deepEqual(ways, [
      ["quic core.example.com:7443", "tls core.example.com:7443"],
      ["quic 0.0.0.0:7443", "tls 0.0.0.0:7443"],
    ]);
  });
});

Deno.test("init() names in each certificate what it is called by, and keeps private keys to their owner", async () => {
  await inTemporaryFolder(async (folder) => {
    const args = ["--out", folder, ...ADDRESSES, "--origin", "http://127.0.0.1:8000"];
    assert.equal((await runDeploy("init.ts", { args, permissions: PERMISSIONS })).code, 0);
    const read = async (name: string) => new X509Certificate(await Deno.readTextFile(join(folder, name)));
    const ca = await read("ca.pem");
    for (
      const [file, name] of [["edge-certificate.pem", "edge.example.com"], [
        "core-certificate.pem",
        "core.example.com",
      ]] as const
    ) {
      const certificate = await read(file);
      assert.equal(certificate.subjectAltName, `DNS:${name}`);
      assert.ok(certificate.verify(ca.publicKey));
    }
    for (const name of Object.values(PAIR_FILES).filter((file) => file.endsWith("-key.pem"))) {
      assert.equal(((await Deno.stat(join(folder, name))).mode ?? 0) & 0o777, 0o600, name);
    }
  });
});

Deno.test("init() overwrites nothing unless it is told to", async () => {
  await inTemporaryFolder(async (folder) => {
    const args = ["--out", folder, ...ADDRESSES, "--origin", "http://127.0.0.1:8000"];
    await Deno.writeTextFile(join(folder, "core.yaml"), "mine");
    const refused = await runDeploy("init.ts", { args, permissions: PERMISSIONS });
    assert.equal(refused.code, 1);
    assert.equal(refused.stderr, `${folder} already holds core.yaml. Say --force to overwrite.\n`);
    assert.deepEqual(Array.from(Deno.readDirSync(folder), ({ name }) => name), ["core.yaml"]);
    const forced = await runDeploy("init.ts", { args: [...args, "--force"], permissions: PERMISSIONS });
    assert.equal(forced.code, 0, forced.stderr);
    assert.notEqual(await Deno.readTextFile(join(folder, "core.yaml")), "mine");
  });
});

Deno.test("init() says all that is wrong with its arguments", async () => {
  const args = [
    "--edge-address",
    "8443",
    "--tunnel-address",
    "core:0",
    "--origin",
    "host:80",
    "--edge-name",
    "Ä",
    "--transport",
    "x",
  ];
  const result = await runDeploy("init.ts", { args, permissions: PERMISSIONS });
  assert.equal(result.code, 2);
  for (
    const words of [
      "--out is missing",
      "--edge-address: 8443 has no host before the port.",
      "--tunnel-address: core:0 has a port outside 1 to 65535.",
      "--origin: host:80 is not an http or https URL.",
      "--edge-name: a name has",
      "--transport: x is none of quic, tls, websocket.",
      "Usage: deno task init",
    ]
  ) assert.ok(result.stderr.includes(words), `${words}\n${result.stderr}`);
});

Deno.test("writePair() refuses addresses that cannot work, before it writes anything", async () => {
  await inTemporaryFolder(async (folder) => {
    const local = { hostname: "127.0.0.1", port: 8443 };
    const refusals = [
      {
        tunnelAddress: { hostname: "0.0.0.0", port: 7443 },
        words: /The edge cannot connect to 0\.0\.0\.0:7443/,
      },
      { tunnelAddress: { hostname: "::", port: 7443 }, words: /The edge cannot connect to \[::\]:7443/ },
      { tunnelAddress: { hostname: "core", port: 0 }, words: /The edge cannot connect to port 0/ },
      { tunnelAddress: { hostname: "my_core", port: 1 }, words: /No certificate can be made for my_core/ },
      { tunnelAddress: local, words: /Edge and tunnel cannot both be at 127\.0\.0\.1:8443/ },
    ];
    for (const { tunnelAddress, words } of refusals) {
      const options = {
        directory: folder,
        edgeAddress: local,
        tunnelAddress,
        origins: [new URL("http://a")],
      };
      await assert.rejects(writePair(options), (error: PairError) => words.test(error.message));
    }
    assert.deepEqual([...Deno.readDirSync(folder)], []);
  });
});
