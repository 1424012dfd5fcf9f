import { parseDocument } from "yaml";
import denoJson from "../../deno.json" with { type: "json" };
import { writePair } from "../../deploy/write_pair.ts";
import type { Transport } from "../../shared/config/node_sections.ts";
import type { Child } from "../harness/child_process.ts";
import { freePort } from "../harness/free_port.ts";
import type { Place } from "../harness/place.ts";
import { type Relay, type RelaySite, stopNodes } from "./relay.ts";

/** Lowu itself, from the files that `deno task init` writes, with the permissions of the tasks `edge` and `core`. */
function lowu(transport: Transport, link: string): Relay {
  return {
    name: `Lowu ${transport.toUpperCase()}`,
    link,
    descriptorsPerStream: 1,
    version: () => Promise.resolve("this checkout"),
    async start(site) {
      const edgeAddress = { hostname: "127.0.0.1", port: freePort() };
      const tunnelAddress = { hostname: site.core.address, port: freePort() };
      const { edgeFile, coreFile, caFile, apiKey } = await writePair({
        directory: site.bench.makeDirectory("lowu"),
        edgeAddress,
        tunnelAddress,
        edgeAdminAddress: { hostname: "127.0.0.1", port: freePort() },
        coreAdminAddress: { hostname: "127.0.0.1", port: freePort() },
        origins: [new URL(`http://127.0.0.1:${site.originPort}`)],
        transport,
        force: true,
      });
      await adjust(edgeFile, ["listener", "max_connections_per_address"], MAX_CONNECTIONS);
      await adjust(coreFile, ["origins", 0, "max_connections"], MAX_CONNECTIONS);
      const core = startNode(site, { task: "core", file: coreFile, place: site.core });
      const edge = startNode(site, { task: "edge", file: edgeFile, place: site.edge });
      return {
        target: {
          ...edgeAddress,
          caPem: await Deno.readTextFile(caFile),
          fields: [["authorization", `Bearer ${apiKey}`]],
        },
        nodes: { edge, core },
        stop: () => stopNodes({ edge, core }),
      };
    },
  };
}

export const LOWU_QUIC = lowu("quic", "Lowu's session over QUIC (BBR)");
export const LOWU_TLS = lowu("tls", "Lowu's session over TLS");

/** All clients of a bench come from one address. */
const MAX_CONNECTIONS = 20_000;

/** Sets one option of a written configuration, and makes the log as quiet as the peers'. */
async function adjust(file: string, path: readonly (string | number)[], value: number): Promise<void> {
  const document = parseDocument(await Deno.readTextFile(file));
  document.setIn(path, value);
  document.set("log", { level: "warn", access: false });
  await Deno.writeTextFile(file, document.toString());
}

function startNode(
  { bench }: RelaySite,
  { task, file, place }: { task: "edge" | "core"; file: string; place: Place },
): Child {
  const [deno, ...args] = denoJson.tasks[task].split(" ");
  if (deno !== "deno") throw new TypeError(`task ${task} must run deno`);
  return bench.start({
    name: `lowu-${task}`,
    command: Deno.execPath(),
    args: [...args, "--config", file],
    place,
    talk: "silent",
  });
}
