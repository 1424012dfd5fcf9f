/** A core that nothing can connect to dials its edge: real processes, real clients. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { formatAddress } from "../../shared/config/address.ts";
import { createEdgeKeyPair } from "../../shared/pki/edge_key.ts";
import { decodePem } from "../../shared/pki/pem.ts";
import { RelayClient } from "./support/clients.ts";
import { type ConfigFile, freeAddresses, Relay } from "./support/relay.ts";
import { until } from "./support/until.ts";

const KEY_FILE = "core-identity-key.pem";

/** A relay whose core has no port, and both of whose nodes are up. */
async function reverseRelay(): Promise<Relay> {
  const [tunnel] = freeAddresses(1);
  assert.ok(tunnel !== undefined);
  const address = formatAddress(tunnel);
  const ways = [{ address, transport: "quic" }, { address, transport: "tls" }];
  const identity = await createEdgeKeyPair();
  const relay = await Relay.prepare({
    edge({ tunnel }: ConfigFile) {
      delete tunnel.cores;
      const public_key = decodePem("PUBLIC KEY", identity.publicKeyPem).toBase64();
      tunnel.reverse = {
        listeners: ways,
        certificate_file: "edge-certificate.pem",
        key_file: "edge-key.pem",
        cores: [{ name: "core-1", public_key }],
      };
    },
    core({ tunnel: section }: ConfigFile) {
      for (const option of ["listeners", "certificate_file", "key_file"]) delete section[option];
      section.dial = {
        core_key_file: KEY_FILE,
        ca_file: "ca.pem",
        reconnect_max_ms: 200,
        edges: [{ name: section.edges[0].name, server_name: tunnel.hostname, addresses: ways }],
      };
    },
  });
  await Deno.writeTextFile(join(relay.directory, KEY_FILE), identity.privateKeyPem);
  relay.startNode("edge");
  relay.startNode("core");
  return relay;
}

async function expectAnswer(relay: Relay): Promise<void> {
  using client = new RelayClient(relay, "h2");
  const answer = await client.chat({ max_tokens: 5 });
  assert.equal(answer.status, 200, await answer.clone().text());
  assert.equal((await answer.json()).usage.completion_tokens, 5);
}

Deno.test("a core without a port serves through the edge that it dials, and finds it again", async () => {
  const relay = await reverseRelay();
  try {
    await relay.ready();
    await expectAnswer(relay);
    const transports = await until("the core keeps its lanes", async () => {
      const text = await (await relay.admin("core", "/metrics"))?.text() ?? "";
      const lanes = text.matchAll(/^lowu_tunnel_lanes\{[^}]*transport="(\w+)"/gm);
      const found = Array.from(lanes, ([, transport]) => transport).sort();
      return found.length === 4 ? found : null;
    });
    assert.deepEqual(transports, ["quic", "quic", "quic", "tls"]);
    for (const name of ["edge", "core"] as const) {
      const node = relay.node(name);
      node.stop(name === "edge" ? "SIGTERM" : "SIGKILL");
      await node.exited;
      relay.startNode(name);
      await relay.ready();
      await until("the relay answers", async () => {
        using client = new RelayClient(relay, "h2");
        const answer = await client.chat({ max_tokens: 1 });
        await answer.body?.cancel();
        return answer.ok ? true : null;
      });
    }
    await expectAnswer(relay);
  } finally {
    await relay.stop();
  }
});
