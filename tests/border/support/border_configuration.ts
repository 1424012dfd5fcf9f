/** Writes the files of a border's nodes: those of `deno task init`, with every transport, two origins and as many cores. */
import { join } from "node:path";
import { freePort } from "../../../bench/harness/free_port.ts";
import type { Place } from "../../../bench/harness/place.ts";
import type { Workbench } from "../../../bench/harness/workbench.ts";
import type { RelayTarget } from "../../../bench/relays/relay.ts";
import { writePair } from "../../../deploy/write_pair.ts";
import { type Address, formatAddress } from "../../../shared/config/address.ts";
import { type ConfigFile, editConfig } from "../../e2e/support/relay.ts";

export interface BorderOptions {
  /** @default 1 */
  readonly cores?: 1 | 2;
  /** Changes the edge's configuration before it is written. */
  edge?(config: ConfigFile): void;
  core?(config: ConfigFile): void;
}

/** `next-edge` has the edge's configuration, its listener and its name. */
export type NodeName = "edge" | "next-edge" | "core-1" | "core-2";

/** How to start and ask a node. */
export interface BorderNode {
  readonly task: "edge" | "core";
  readonly file: string;
  readonly place: Place;
  readonly adminUrl: string;
}

/** A node for each name that this border has. */
export type BorderNodes = Readonly<Partial<Record<NodeName, BorderNode>>>;

export interface Surroundings {
  readonly link: { readonly a: Place; readonly b: Place };
  readonly origins: { readonly tokens: string; readonly embedded: string };
}

/** The names of the cores with the ports of their lanes: one for QUIC and TLS, one for WebSockets. */
type CorePorts = readonly (readonly [name: "core-1" | "core-2", ports: readonly [number, number]])[];

export async function writeConfigurations(
  bench: Workbench,
  options: BorderOptions,
  surroundings: Surroundings,
): Promise<{ target: RelayTarget; nodes: BorderNodes }> {
  const { link, origins } = surroundings;
  const edgeAddress = loopback();
  const tunnelAddress = { hostname: link.b.address, port: freePort() };
  const directory = bench.makeDirectory("border");
  const { edgeFile, coreFile, caFile, apiKey } = await writePair({
    directory,
    edgeAddress,
    tunnelAddress,
    origins: [new URL(origins.tokens)],
    force: true,
  });
  const first = ["core-1", [tunnelAddress.port, freePort()]] as const;
  const cores: CorePorts = options.cores === 2 ? [first, ["core-2", [freePort(), freePort()]]] : [first];
  const nodes: Partial<Record<NodeName, BorderNode>> = {};
  const write = async (name: NodeName, place: Place, edit: (config: ConfigFile) => void) => {
    const file = join(directory, `${name}-of-border.yaml`);
    const task = place === link.a ? "edge" : "core";
    const admin = formatAddress(loopback());
    await Deno.copyFile(task === "edge" ? edgeFile : coreFile, file);
    await editConfig(file, (config) => {
      config.admin = { address: admin };
      config.log = { level: "info", access: false };
      edit(config);
    });
    nodes[name] = { task, file, place, adminUrl: `http://${admin}` };
  };
  for (const name of ["edge", "next-edge"] as const) {
    await write(name, link.a, (config) => editEdge(config, { link, cores, options }));
  }
  for (const [name, ports] of cores) {
    await write(name, link.b, (config) => editCore(config, { name, ports, origins, options }));
  }
  const caPem = await Deno.readTextFile(caFile);
  return {
    target: { ...edgeAddress, caPem, fields: [["authorization", `Bearer ${apiKey}`]] },
    nodes,
  };
}

function editEdge(
  config: ConfigFile,
  { link, cores, options }: Pick<Surroundings, "link"> & { cores: CorePorts; options: BorderOptions },
): void {
  config.tunnel.cores = cores.map(([name, ports]) => ({
    name,
    server_name: link.b.address,
    addresses: transportsAt(link.b.address, ports),
  }));
  // Nothing but the origin's bytes: they are checked one by one.
  config.sse = { heartbeat_interval_ms: 0 };
  options.edge?.(config);
}

function editCore(
  config: ConfigFile,
  { name, ports, origins, options }: Pick<Surroundings, "origins"> & {
    name: string;
    ports: readonly [number, number];
    options: BorderOptions;
  },
): void {
  config.name = name;
  config.tunnel.listeners = transportsAt("0.0.0.0", ports);
  config.origins.push({ name: "embedded", endpoints: [{ url: origins.embedded }] });
  config.routes = [{ origin: "embedded", paths: ["/v1/", "/echo"] }, { origin: "llm" }];
  options.core?.(config);
}

function loopback(): Address {
  return { hostname: "127.0.0.1", port: freePort() };
}

function transportsAt(hostname: string, [port, webSocketPort]: readonly [number, number]) {
  return [
    { address: `${hostname}:${port}`, transport: "quic" },
    { address: `${hostname}:${port}`, transport: "tls" },
    { address: `${hostname}:${webSocketPort}`, transport: "websocket" },
  ];
}
