/** A relay of real processes: embedded origins, cores and an edge, with configurations that tests may change. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import { type NodeProcess, startNodeProcess } from "../../../deploy/node_process.ts";
import { writePair } from "../../../deploy/write_pair.ts";
import { type Address, formatAddress } from "../../../shared/config/address.ts";
import type { Transport } from "../../../shared/config/node_sections.ts";
import { OriginProcess } from "./origin_process.ts";
import { until } from "./until.ts";

/** A configuration file's content as the YAML parser gives it. */
// deno-lint-ignore no-explicit-any
export type ConfigFile = any;

export interface RelayOptions {
  /** What alone carries the tunnel. @default QUIC and TLS, as `deno task init` has it */
  transport?: Transport;
  /** How many cores the edge has: `core`, `core-2`, `core-3`. @default 1 */
  cores?: 1 | 2 | 3;
  /** Flags of each embedded origin. @default one that is fast */
  origins?: readonly (readonly string[])[];
  /** More origins, behind the embedded ones as further endpoints. */
  urls?: readonly URL[];
  /** Changes the configuration before it is written; that of a core for each core. */
  edge?(config: ConfigFile): void;
  core?(config: ConfigFile, origins: readonly OriginProcess[], name: CoreName): void;
}

const CORE_NAMES = ["core", "core-2", "core-3"] as const;
type CoreName = typeof CORE_NAMES[number];
export type NodeName = "edge" | CoreName;

export class Relay {
  readonly directory: string;
  readonly url: string;
  readonly key: string;
  readonly ca: string;
  readonly caFile: string;
  readonly origins: readonly OriginProcess[];
  readonly #admin: ReadonlyMap<NodeName, string>;
  readonly #nodes = new Map<NodeName, NodeProcess>();

  private constructor(parts: {
    directory: string;
    origins: readonly OriginProcess[];
    edge: Address;
    admin: ReadonlyMap<NodeName, string>;
    key: string;
    ca: string;
  }) {
    this.directory = parts.directory;
    this.origins = parts.origins;
    this.url = `https://${formatAddress(parts.edge)}`;
    this.key = parts.key;
    this.ca = parts.ca;
    this.caFile = join(parts.directory, "ca.pem");
    this.#admin = parts.admin;
  }

  /** Writes keys and configurations and starts the origins; core and edge are started with `startNode`. */
  static async prepare(options: RelayOptions = {}): Promise<Relay> {
    const directory = await Deno.makeTempDir({ prefix: "lowu_e2e_" });
    const origins = await Promise.all(
      (options.origins ?? [undefined]).map((flags, index) =>
        OriginProcess.start({
          ...(flags === undefined ? {} : { flags }),
          logFile: join(directory, `origin-${index}.log`),
        })
      ),
    );
    const [edge, tunnel, edgeAdmin, coreAdmin, ...more] = freeAddresses(4 + 2 * CORE_NAMES.length);
    assert.ok(
      edge !== undefined && tunnel !== undefined && edgeAdmin !== undefined && coreAdmin !== undefined,
    );
    const { edgeFile, coreFile, caFile, apiKey } = await writePair({
      directory,
      edgeAddress: edge,
      tunnelAddress: tunnel,
      edgeAdminAddress: edgeAdmin,
      coreAdminAddress: coreAdmin,
      origins: [...origins.map(({ url }) => new URL(url)), ...options.urls ?? []],
      ...(options.transport === undefined ? {} : { transport: options.transport }),
      force: true,
    });
    const admin = new Map<NodeName, Address>([["edge", edgeAdmin], ["core", coreAdmin]]);
    for (const name of CORE_NAMES.slice(1, options.cores ?? 1)) {
      const [itsTunnel, itsAdmin] = more.splice(0, 2);
      assert.ok(itsTunnel !== undefined && itsAdmin !== undefined);
      admin.set(name, itsAdmin);
      await Deno.copyFile(coreFile, join(directory, `${name}.yaml`));
      await editConfig(join(directory, `${name}.yaml`), (config) => {
        config.name = name;
        config.admin.address = formatAddress(itsAdmin);
        for (const listener of config.tunnel.listeners) listener.address = formatAddress(itsTunnel);
      });
      await editConfig(edgeFile, ({ tunnel: { cores } }) => {
        const addresses = cores[0].addresses.map((way: ConfigFile) => ({
          ...way,
          address: formatAddress(itsTunnel),
        }));
        cores.push({ ...cores[0], name, addresses });
      });
    }
    await editConfig(edgeFile, (config) => options.edge?.(config));
    for (const name of CORE_NAMES.slice(0, options.cores ?? 1)) {
      await editConfig(join(directory, `${name}.yaml`), (config) => options.core?.(config, origins, name));
    }
    const ca = await Deno.readTextFile(caFile);
    const urls = [...admin].map(([name, address]) => [name, `http://${formatAddress(address)}`] as const);
    return new Relay({ directory, origins, edge, admin: new Map(urls), key: apiKey, ca });
  }

  /** Prepares a relay, runs `test` with it once it is ready, and ends every process whatever happens. */
  static async run(options: RelayOptions, test: (relay: Relay) => Promise<void>): Promise<void> {
    const relay = await Relay.prepare(options);
    try {
      for (const name of relay.#admin.keys()) relay.startNode(name);
      await relay.ready();
      await test(relay);
    } finally {
      await relay.stop();
    }
  }

  /** The only origin. */
  get origin(): OriginProcess {
    const [origin] = this.origins;
    assert.ok(origin !== undefined, "this relay has no embedded origin");
    return origin;
  }

  startNode(name: NodeName): NodeProcess {
    const node = startNodeProcess(name, {
      task: name === "edge" ? "edge" : "core",
      args: ["--config", join(this.directory, `${name}.yaml`)],
      logFile: join(this.directory, `${name}.log`),
    });
    this.#nodes.set(name, node);
    return node;
  }

  node(name: NodeName): NodeProcess {
    const node = this.#nodes.get(name);
    assert.ok(node !== undefined, `${name} was not started`);
    return node;
  }

  /** The answer of a node's admin address; null while nobody listens there. */
  async admin(name: NodeName, path: "/metrics" | "/healthz" | "/readyz"): Promise<Response | null> {
    try {
      return await fetch(`${this.#admin.get(name)}${path}`);
    } catch (error) {
      if (error instanceof TypeError) return null;
      throw error;
    }
  }

  /** Resolves when a probe has come back from the core through the tunnel. */
  async ready(): Promise<void> {
    await until("the relay is ready", async () => {
      const answer = await this.admin("edge", "/readyz");
      await answer?.body?.cancel();
      return answer?.ok === true ? true : null;
    });
  }

  /** Sum of a metric's samples whose labels include all of `labels`. */
  async metric(name: NodeName, metric: string, labels: readonly string[] = []): Promise<number> {
    const answer = await this.admin(name, "/metrics");
    assert.ok(answer?.ok, `${name} gives no metrics`);
    return sumOf(await answer.text(), metric, labels);
  }

  async log(name: string): Promise<string> {
    return await Deno.readTextFile(join(this.directory, `${name}.log`));
  }

  /** Ends every process and removes the folder. */
  async stop(): Promise<void> {
    for (const node of this.#nodes.values()) node.stop("SIGKILL");
    await Promise.all([...this.#nodes.values()].map((node) => node.exited));
    await Promise.all(this.origins.map((origin) => origin.stop()));
    await Deno.remove(this.directory, { recursive: true });
  }
}

/** @param text metrics in Prometheus' format */
export function sumOf(text: string, metric: string, labels: readonly string[]): number {
  let sum = 0;
  let isThere = false;
  for (const line of text.split("\n")) {
    if (!line.startsWith(`${metric}{`) && !line.startsWith(`${metric} `)) continue;
    isThere = true;
    if (labels.every((label) => line.includes(label))) sum += Number(line.slice(line.lastIndexOf(" ") + 1));
  }
  assert.ok(isThere || text.includes(`# TYPE ${metric} `), `there is no metric ${metric}`);
  return sum;
}

/** Changes a configuration file as a YAML editor would. */
export async function editConfig(file: string, edit: (config: ConfigFile) => void): Promise<void> {
  const config = parse(await Deno.readTextFile(file));
  edit(config);
  await Deno.writeTextFile(file, stringify(config));
}

/** Free when they are asked for; all are held until the last is known, so that no two are the same. */
export function freeAddresses(count = 4): Address[] {
  const held = Array.from({ length: count }, () => Deno.listen({ hostname: "127.0.0.1", port: 0 }));
  const addresses = held.map(({ addr }) => ({ hostname: "127.0.0.1", port: addr.port }));
  for (const listener of held) listener.close();
  return addresses;
}
