/** Core processes that are told to stop, and their successors on the same ports. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { type NodeProcess, startNodeProcess } from "../../deploy/node_process.ts";
import { PAIR_FILES, writePair } from "../../deploy/write_pair.ts";
import { type Address, formatAddress } from "../../shared/config/address.ts";
import { peerSigner } from "../../shared/handshake/peer_signer.ts";
import type { LaneTransport } from "../../shared/transport/lane_connection.ts";
import { dialLane } from "../../shared/transport/lane_transport.ts";
import { editConfig, freeAddresses } from "../e2e/support/relay.ts";
import { until } from "../e2e/support/until.ts";
import { TestEdge } from "./session/test_edge.ts";

/** The files of a core that listens on QUIC and TLS, and processes that run with them. */
class CoreSite implements AsyncDisposable {
  readonly #directory: string;
  readonly #tunnel: Address;
  readonly #admin: Address;
  readonly #processes: NodeProcess[] = [];
  readonly #edges: TestEdge[] = [];

  private constructor({ directory, tunnel, admin }: { directory: string; tunnel: Address; admin: Address }) {
    this.#directory = directory;
    this.#tunnel = tunnel;
    this.#admin = admin;
  }

  static async create(): Promise<CoreSite> {
    const directory = await Deno.makeTempDir({ prefix: "lowu_core_" });
    const [edgeAddress, tunnel, admin] = freeAddresses();
    assert.ok(edgeAddress !== undefined && tunnel !== undefined && admin !== undefined);
    await writePair({
      directory,
      edgeAddress,
      tunnelAddress: tunnel,
      coreAdminAddress: admin,
      origins: [new URL("http://127.0.0.1:9")],
      edgeName: "hk-1",
      force: true,
    });
    const address = formatAddress(tunnel);
    await editConfig(join(directory, PAIR_FILES.coreConfig), (config) => {
      config.tunnel.listeners = [{ address, transport: "quic" }, { address, transport: "tls" }];
    });
    return new CoreSite({ directory, tunnel, admin });
  }

  start(name: string): NodeProcess {
    const core = startNodeProcess(name, {
      task: "core",
      args: ["--config", join(this.#directory, PAIR_FILES.coreConfig)],
      logFile: join(this.#directory, `${name}.log`),
    });
    this.#processes.push(core);
    return core;
  }

  async untilLogged(name: string, ...pieces: readonly string[]): Promise<void> {
    await until(`${name} logs ${pieces}`, async () => {
      const text = await Deno.readTextFile(join(this.#directory, `${name}.log`));
      return text.split("\n").some((line) => pieces.every((piece) => line.includes(piece))) ? true : null;
    });
  }

  async readiness(): Promise<{ ready: boolean; reasons: string[] } | null> {
    try {
      return await (await fetch(`http://${formatAddress(this.#admin)}/readyz`)).json();
    } catch (error) {
      if (error instanceof TypeError) return null;
      throw error;
    }
  }

  /** An edge that has introduced itself over a lane; what became of it is in its `results`. */
  async join(transport: LaneTransport): Promise<TestEdge> {
    const read = (file: string) => Deno.readTextFile(join(this.#directory, file));
    const edge = new TestEdge("hk-1", peerSigner(await read(PAIR_FILES.edgeIdentityKey)));
    this.#edges.push(edge);
    const serverName = this.#tunnel.hostname;
    const lane = await dialLane({
      transport,
      address: formatAddress(this.#tunnel),
      serverName,
      caCertificates: [await read(PAIR_FILES.ca)],
      connectTimeoutMs: 5_000,
    });
    await edge.acceptLane(lane, { serverName });
    return edge;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const core of this.#processes) core.stop("SIGKILL");
    await Promise.all(this.#processes.map((core) => core.exited));
    await Promise.all(this.#edges.map((edge) => edge.close()));
    await Deno.remove(this.#directory, { recursive: true });
  }
}

/** A stream that lives until its request is ended. */
async function openStream(edge: TestEdge): Promise<() => void> {
  const { request, answer } = edge.ask();
  await answer.until("head");
  return () => request.end(null);
}

Deno.test("a core starts beside its predecessor that drains, and takes over port by port", async () => {
  await using site = await CoreSite.create();
  const old = site.start("old");
  await site.untilLogged("old", "tunnel_listening", "tls");
  const before = await site.join("quic");
  const endStream = await openStream(before);

  old.stop("SIGTERM");
  await site.untilLogged("old", "draining");
  const successor = site.start("successor");
  await site.untilLogged("successor", "tunnel_port_taken", "quic");
  await site.untilLogged("successor", "tunnel_listening", "tls");
  const state = await until("the successor tells of itself", () => site.readiness());
  assert.match(state.reasons.join(), /another process still holds 127\.0\.0\.1:\d+ \(UDP\)/);
  assert.equal((await site.join("tls")).results[0]?.kind, "accepted", "new sessions are the successor's");
  assert.equal(before.session.state, "draining");

  endStream();
  assert.equal(await old.exited, 0);
  assert.deepEqual(before.ends.map(({ kind }) => kind), ["closed"]);
  await site.untilLogged("successor", "tunnel_listening", "quic");
  assert.equal((await site.join("quic")).results[0]?.kind, "accepted");
  successor.stop("SIGTERM");
  assert.equal(await successor.exited, 0);
});

Deno.test("a core that is told to stop twice ends at once", async () => {
  await using site = await CoreSite.create();
  const core = site.start("core");
  await site.untilLogged("core", "tunnel_listening", "tls");
  await openStream(await site.join("tls"));
  core.stop("SIGTERM");
  await site.untilLogged("core", "draining");
  core.stop("SIGTERM");
  assert.equal(await core.exited, 1);
});

Deno.test("a core that finds none of its ports free says whose they are", async () => {
  await using site = await CoreSite.create();
  site.start("first");
  await site.untilLogged("first", "tunnel_listening", "tls");
  const second = site.start("second");
  assert.equal(await second.exited, 1);
  await site.untilLogged("second", "is in use by");
});
