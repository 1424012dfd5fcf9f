/**
 * A border of real processes: clients and an edge at end A of an emulated link, cores and origins at end B. Edge and cores
 * run from the files that `deno task init` writes, with every transport.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import denoJson from "../../../deno.json" with { type: "json" };
import type { Child } from "../../../bench/harness/child_process.ts";
import { freePort } from "../../../bench/harness/free_port.ts";
import type { Place } from "../../../bench/harness/place.ts";
import { Workbench } from "../../../bench/harness/workbench.ts";
import { startOrigin } from "../../../bench/origin/start_origin.ts";
import type { RelayTarget } from "../../../bench/relays/relay.ts";
import { EmulatedLink, whyNoLink } from "../../../bench/wanlink/emulated_link.ts";
import { writePair } from "../../../deploy/write_pair.ts";
import { type Address, formatAddress } from "../../../shared/config/address.ts";
import { type ConfigFile, editConfig, sumOf } from "../../e2e/support/relay.ts";
import { until } from "../../e2e/support/until.ts";
import { BorderEnd } from "./border_end_process.ts";

/** One way over the border, in ms. */
export const DELAY_MS = 20;

export interface BorderOptions {
  /** @default 1 */
  readonly cores?: 1 | 2;
  /** Changes the edge's configuration before it is written. */
  edge?(config: ConfigFile): void;
  core?(config: ConfigFile): void;
}

/** `next-edge` has the edge's configuration, its listener and its name. */
export type NodeName = "edge" | "next-edge" | "core-1" | "core-2";

interface Node {
  readonly task: "edge" | "core";
  readonly file: string;
  readonly place: Place;
  readonly adminUrl: string;
}

export class Border {
  readonly link: EmulatedLink;
  /** Where clients are. */
  readonly client: BorderEnd;
  /** Beside cores and origins. */
  readonly far: BorderEnd;
  readonly target: RelayTarget;
  /** Of the embedded origin, for those at the far end. */
  readonly originUrl: string;
  readonly #bench: Workbench;
  readonly #nodes: Readonly<Record<string, Node>>;
  readonly #running = new Map<NodeName, Child>();

  private constructor(bench: Workbench, parts: {
    link: EmulatedLink;
    ends: { client: BorderEnd; far: BorderEnd };
    target: RelayTarget;
    originUrl: string;
    nodes: Readonly<Record<string, Node>>;
  }) {
    this.#bench = bench;
    this.link = parts.link;
    this.client = parts.ends.client;
    this.far = parts.ends.far;
    this.target = parts.target;
    this.originUrl = parts.originUrl;
    this.#nodes = parts.nodes;
  }

  /** Everything but edge and cores runs. */
  static async prepare(bench: Workbench, options: BorderOptions, seed: number): Promise<Border> {
    const link = await EmulatedLink.open(bench, { delayMs: DELAY_MS, seed });
    const [client, far, tokens, originUrl] = await Promise.all([
      BorderEnd.start(bench, link.a),
      BorderEnd.start(bench, link.b),
      startOrigin(bench, link.b),
      startEmbeddedOrigin(bench, link.b),
    ]);
    const origins = { tokens: `http://127.0.0.1:${tokens.port}`, embedded: originUrl };
    const { target, nodes } = await writeConfigurations(bench, options, { link, origins });
    return new Border(bench, { link, ends: { client, far }, target, originUrl, nodes });
  }

  start(name: NodeName): Child {
    const node = this.#node(name);
    const [deno, ...args] = denoJson.tasks[node.task].split(" ");
    if (deno !== "deno") throw new TypeError(`task ${node.task} must run deno`);
    const child = this.#bench.start({
      name,
      command: Deno.execPath(),
      args: [...args, "--config", node.file],
      place: node.place,
      talk: "silent",
    });
    this.#running.set(name, child);
    return child;
  }

  process(name: NodeName): Child {
    const child = this.#running.get(name);
    assert.ok(child !== undefined, `${name} was not started`);
    return child;
  }

  /** Resolves when a probe has come back through the tunnel. */
  async ready(name: NodeName = "edge"): Promise<void> {
    await until(`${name} is ready`, async () => (await this.#admin(name, "/readyz"))?.status === 200 || null);
  }

  /** Whether a node answers on its admin address. */
  async isUp(name: NodeName): Promise<boolean> {
    return await this.#admin(name, "/healthz") !== null;
  }

  /** Sum of a metric's samples whose labels include all of `labels`. */
  async metric(name: NodeName, metric: string, labels: readonly string[] = []): Promise<number> {
    const answer = await this.#admin(name, "/metrics");
    assert.ok(answer !== null, `${name} gives no metrics`);
    return sumOf(answer.text, metric, labels);
  }

  /** The end of what the nodes logged. */
  logs(): string {
    return [...this.#running.values()].map((child) => child.logTail()).join("\n");
  }

  #admin(name: NodeName, path: "/metrics" | "/readyz" | "/healthz") {
    const { place, adminUrl } = this.#node(name);
    const end = place === this.link.a ? this.client : this.far;
    return end.ask({ kind: "get", url: adminUrl + path });
  }

  #node(name: NodeName): Node {
    const node = this.#nodes[name];
    assert.ok(node !== undefined, `there is no ${name}`);
    return node;
  }
}

const MUST_HAVE_LINK = Deno.env.get("LOWU_REQUIRE_SERVERS") === "1";
const WHY_NO_LINK = await whyNoLink();
/** Repeats the losses of a run. */
const SEED = Number(Deno.env.get("LOWU_SEED") ?? crypto.getRandomValues(new Uint16Array(1))[0]);

/** Registers a test with a border whose cores and edge run and are ready; ignored, with the reason, where there is no link. */
export function testBorder(
  name: string,
  options: BorderOptions,
  test: (border: Border, seed: number) => Promise<void>,
): void {
  testPreparedBorder(name, options, async (border, seed) => {
    border.start("core-1");
    if (options.cores === 2) border.start("core-2");
    border.start("edge");
    await border.ready();
    await test(border, seed);
  });
}

/** As {@linkcode testBorder}, but no node runs yet. */
export function testPreparedBorder(
  name: string,
  options: BorderOptions,
  test: (border: Border, seed: number) => Promise<void>,
): void {
  Deno.test({
    name: WHY_NO_LINK === null ? name : `${name} (skipped: ${WHY_NO_LINK})`,
    ignore: WHY_NO_LINK !== null && !MUST_HAVE_LINK,
    async fn() {
      console.log(`LOWU_SEED=${SEED}`);
      await using bench = new Workbench();
      const border = await Border.prepare(bench, options, SEED);
      try {
        await test(border, SEED);
      } catch (error) {
        console.error(border.logs());
        throw error;
      }
    },
  });
}

async function startEmbeddedOrigin(bench: Workbench, place: Place): Promise<string> {
  const [, ...args] = denoJson.tasks.origin.split(" ");
  const child = bench.start({
    name: "embedded-origin",
    command: Deno.execPath(),
    args: [...args, "--json", "--prefill-tokens-per-second=Infinity"],
    place,
    talk: "lines",
  });
  const { url } = JSON.parse(await child.nextLine(START_TIMEOUT_MS));
  return url;
}

const START_TIMEOUT_MS = 30_000;

interface Surroundings {
  readonly link: EmulatedLink;
  readonly origins: { readonly tokens: string; readonly embedded: string };
}

async function writeConfigurations(
  bench: Workbench,
  options: BorderOptions,
  { link, origins }: Surroundings,
): Promise<{ target: RelayTarget; nodes: Record<string, Node> }> {
  const loopback = () => ({ hostname: "127.0.0.1", port: freePort() });
  const edgeAddress = loopback();
  const [edgeAdmin, nextEdgeAdmin, coreAdmin, secondAdmin] = [loopback(), loopback(), loopback(), loopback()];
  const tunnelAddress = { hostname: link.b.address, port: freePort() };
  const directory = bench.makeDirectory("border");
  const { edgeFile, coreFile, caFile, apiKey } = await writePair({
    directory,
    edgeAddress,
    tunnelAddress,
    edgeAdminAddress: edgeAdmin,
    coreAdminAddress: coreAdmin,
    origins: [new URL(origins.tokens)],
    force: true,
  });
  const ports = { "core-1": [tunnelAddress.port, freePort()], "core-2": [freePort(), freePort()] };
  const names = options.cores === 2 ? ["core-1", "core-2"] as const : ["core-1"] as const;
  await editConfig(edgeFile, (config) => {
    config.tunnel.cores = names.map((name) => ({
      name,
      server_name: link.b.address,
      addresses: transportsAt(link.b.address, ports[name]),
    }));
    config.sse = { heartbeat_interval_ms: 0 };
    config.log = { level: "info", access: false };
    options.edge?.(config);
  });
  const nextEdgeFile = join(directory, "next-edge.yaml");
  await Deno.copyFile(edgeFile, nextEdgeFile);
  await editConfig(nextEdgeFile, (config) => config.admin.address = formatAddress(nextEdgeAdmin));
  const nodes: Record<string, Node> = {
    edge: nodeOf("edge", edgeFile, { place: link.a, admin: edgeAdmin }),
    "next-edge": nodeOf("edge", nextEdgeFile, { place: link.a, admin: nextEdgeAdmin }),
  };
  const coreText = await Deno.readTextFile(coreFile);
  for (const name of names) {
    const file = join(directory, `${name}.yaml`);
    const admin = name === "core-1" ? coreAdmin : secondAdmin;
    await Deno.writeTextFile(file, coreText);
    await editConfig(file, (config) => {
      config.name = name;
      config.tunnel.listeners = transportsAt("0.0.0.0", ports[name]);
      config.admin.address = formatAddress(admin);
      config.origins.push({ name: "embedded", endpoints: [{ url: origins.embedded }] });
      config.routes = [{ origin: "embedded", paths: ["/v1/", "/echo"] }, { origin: "llm" }];
      config.log = { level: "info", access: false };
      options.core?.(config);
    });
    nodes[name] = nodeOf("core", file, { place: link.b, admin });
  }
  const target = {
    ...edgeAddress,
    caPem: await Deno.readTextFile(caFile),
    fields: [["authorization", `Bearer ${apiKey}`]],
  } as const;
  return { target, nodes };
}

function nodeOf(task: Node["task"], file: string, { place, admin }: { place: Place; admin: Address }): Node {
  return { task, file, place, adminUrl: `http://${formatAddress(admin)}` };
}

function transportsAt(hostname: string, [port = 0, webSocketPort = 0]: readonly number[]) {
  return [
    { address: `${hostname}:${port}`, transport: "quic" },
    { address: `${hostname}:${port}`, transport: "tls" },
    { address: `${hostname}:${webSocketPort}`, transport: "websocket" },
  ];
}
