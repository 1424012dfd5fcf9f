import { parseArgs } from "node:util";
import { type Address, parseAddress } from "../shared/config/address.ts";
import { type Transport, TRANSPORTS } from "../shared/config/node_sections.ts";
import { parseHttpUrl } from "../shared/config/option_kinds.ts";

export const UP_USAGE = `Usage: deno task up [options]

Runs a whole relay on this machine: an origin, a core and an edge, each a process of its own.

  --origin URL                use this model server in place of the embedded one; may be repeated
  --edge-address HOST:PORT    where clients call (127.0.0.1:8443)
  --tunnel-address HOST:PORT  where the edge calls the core (127.0.0.1:7443)
  --transport ${TRANSPORTS.join("|")}
                              what alone carries the tunnel (quic, and tls where UDP does not get through)
  --state DIR                 folder for keys, certificates, configurations and logs (.lowu)
  --json                      print one line of JSON when ready`;

export interface UpOptions {
  readonly origins: readonly URL[];
  readonly edgeAddress: Address;
  readonly tunnelAddress: Address;
  /** What alone carries the tunnel; null: QUIC and TLS. */
  readonly transport: Transport | null;
  readonly stateDirectory: string;
  readonly isJson: boolean;
}

/** What the command line got wrong, in words for its user. */
export class UpUsageError extends Error {
  override name = "UpUsageError";
}

/** Null: help was asked for. @throws {UpUsageError} with all that is wrong */
export function parseUpOptions(args: readonly string[]): UpOptions | null {
  const values = parse(args);
  if (values.help) return null;
  const problems: string[] = [];
  const address = (option: "edge-address" | "tunnel-address"): Address => {
    const parsed = parseAddress(values[option], { minPort: 0 });
    if (!("wrong" in parsed)) return parsed;
    problems.push(`--${option}: ${values[option]} ${parsed.wrong}.`);
    return { hostname: "", port: 0 };
  };
  const origins = values.origin.flatMap((text) => {
    const url = parseHttpUrl(text);
    if (url instanceof URL) return [url];
    problems.push(`--origin: ${text} ${url.wrong}.`);
    return [];
  });
  const transport = TRANSPORTS.find((name) => name === values.transport) ?? null;
  if (values.transport !== undefined && transport === null) {
    problems.push(`--transport: ${values.transport} is none of ${TRANSPORTS.join(", ")}.`);
  }
  const edgeAddress = address("edge-address");
  const tunnelAddress = address("tunnel-address");
  if (problems.length > 0) throw new UpUsageError(problems.join("\n"));
  return {
    origins,
    edgeAddress,
    tunnelAddress,
    transport,
    stateDirectory: values.state,
    isJson: values.json,
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        "origin": { type: "string", multiple: true, default: [] },
        "edge-address": { type: "string", default: "127.0.0.1:8443" },
        "tunnel-address": { type: "string", default: "127.0.0.1:7443" },
        "transport": { type: "string" },
        "state": { type: "string", default: ".lowu" },
        "json": { type: "boolean", default: false },
        "help": { type: "boolean", default: false },
      },
    }).values;
  } catch (error) {
    if (error instanceof TypeError) throw new UpUsageError(error.message);
    throw error;
  }
}
