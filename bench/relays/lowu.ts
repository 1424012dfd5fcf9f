import { parseDocument } from "yaml";
import denoJson from "../../deno.json" with { type: "json" };
import { writePair } from "../../deploy/write_pair.ts";
import type { Transport } from "../../shared/config/node_sections.ts";
import type { Child } from "../harness/child_process.ts";
import { freePort } from "../harness/free_port.ts";
import type { Place } from "../harness/place.ts";
import { type Relay, type RelaySite, stopNodes } from "./relay.ts";

interface LowuVariant {
  readonly name: string;
  readonly link: string;
  /** The only transport of its lanes; null: those that `deno task init` writes. */
  readonly transport: Transport | null;
  /** What both nodes say of copies; null: the default. */
  readonly redundancy: "off" | "always" | null;
}

/** Lowu itself, from the files that `deno task init` writes, with the permissions of the tasks `edge` and `core`. */
function lowu({ name, link, transport, redundancy }: LowuVariant): Relay {
  return {
    name,
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
        ...(transport === null ? {} : { transport }),
        force: true,
      });
      const value = MAX_CONNECTIONS;
      await adjust(edgeFile, { path: ["listener", "max_connections_per_address"], value, redundancy });
      await adjust(coreFile, { path: ["origins", 0, "max_connections"], value, redundancy });
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

const LANES = "Lowu's session over lanes of QUIC (BBR) and TLS";

export const LOWU = lowu({
  name: "Lowu",
  link: `${LANES}, small frames copied by the measured loss`,
  transport: null,
  redundancy: null,
});
export const LOWU_NO_COPIES = lowu({
  name: "Lowu, no copies",
  link: `${LANES}, no copies`,
  transport: null,
  redundancy: "off",
});
export const LOWU_COPIES = lowu({
  name: "Lowu, copies always",
  link: `${LANES}, every small frame copied`,
  transport: null,
  redundancy: "always",
});
export const LOWU_TLS = lowu({
  name: "Lowu TLS",
  link: "Lowu's session over lanes of TLS, small frames copied by the measured loss",
  transport: "tls",
  redundancy: null,
});

/** All clients of a bench come from one address. */
const MAX_CONNECTIONS = 20_000;

/** Sets an option and the redundancy of a written configuration, and makes the log as quiet as the peers'. */
async function adjust(
  file: string,
  { path, value, redundancy }: {
    path: readonly (string | number)[];
    value: number;
    redundancy: LowuVariant["redundancy"];
  },
): Promise<void> {
  const document = parseDocument(await Deno.readTextFile(file));
  document.setIn(path, value);
  if (redundancy !== null) document.setIn(["tunnel", "redundancy", "mode"], redundancy);
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
