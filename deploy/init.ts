/** `deno task init`: writes the files of a real pair of machines and says what to copy where. */
import { parseArgs } from "node:util";
import { type Address, formatAddress, isWildcard, parseAddress } from "../shared/config/address.ts";
import { TRANSPORTS } from "../shared/config/node_sections.ts";
import { isName, parseHttpUrl } from "../shared/config/option_kinds.ts";
import { shellQuote } from "./shell_quote.ts";
import { PAIR_FILES, PairError, type PairOptions, writePair, type WrittenPair } from "./write_pair.ts";

const USAGE =
  `Usage: deno task init --out DIR --edge-address HOST:PORT --tunnel-address HOST:PORT --origin URL

  --out DIR                   folder for the files; made if it is not there
  --edge-address HOST:PORT    where clients call the edge
  --tunnel-address HOST:PORT  where the edge calls the core
  --origin URL                a model server as the core reaches it; may be repeated
  --edge-name NAME            default: edge-1
  --transport ${TRANSPORTS.join("|")}
                              what alone carries the tunnel; default: quic, and tls where UDP does not get through
  --force                     overwrite files that are there`;

/** What the command line got wrong. */
class UsageError extends Error {}

/** Writes the pair and prints what to do with it. Returns the exit code: 0 done, 1 refused, 2 wrong usage. */
export async function init(args: readonly string[]): Promise<number> {
  try {
    const options = readArguments(args);
    const written = await writePair(options);
    console.log(instructions(options, written));
    return 0;
  } catch (error) {
    if (error instanceof PairError) {
      console.error(error.message);
      return 1;
    }
    if (!(error instanceof UsageError)) throw error;
    console.error(`${error.message}\n\n${USAGE}`);
    return 2;
  }
}

function readArguments(args: readonly string[]): PairOptions {
  const values = parseOptions(args);
  const problems: string[] = [];
  const transport = TRANSPORTS.find((name) => name === values.transport);
  if (values.transport !== undefined && transport === undefined) {
    problems.push(`--transport: ${values.transport} is none of ${TRANSPORTS.join(", ")}.`);
  }
  if (values.out === undefined || values.out === "") problems.push("--out is missing: which folder?");
  const edgeName = values["edge-name"];
  if (!isName(edgeName)) {
    problems.push("--edge-name: a name has 1 to 63 lower-case letters, digits, '.', '_' and '-'.");
  }
  const edgeAddress = readAddress("--edge-address", values["edge-address"], problems);
  const tunnelAddress = readAddress("--tunnel-address", values["tunnel-address"], problems);
  if (values.origin === undefined) {
    problems.push("--origin is missing: which model server, as in http://10.0.0.5:8000?");
  }
  const origins = (values.origin ?? []).map((text) => readOrigin(text, problems)).filter((url) =>
    url !== null
  );
  if (new Set(origins.map((url) => url.href)).size < origins.length) {
    problems.push("--origin: one URL is given twice.");
  }
  if (problems.length > 0 || edgeAddress === null || tunnelAddress === null) {
    throw new UsageError(problems.join("\n"));
  }
  return {
    directory: values.out ?? "",
    edgeAddress,
    tunnelAddress,
    origins,
    edgeName,
    ...(transport === undefined ? {} : { transport }),
    force: values.force,
  };
}

function parseOptions(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        "out": { type: "string" },
        "edge-address": { type: "string" },
        "tunnel-address": { type: "string" },
        "origin": { type: "string", multiple: true },
        "edge-name": { type: "string", default: "edge-1" },
        "transport": { type: "string" },
        "force": { type: "boolean", default: false },
      },
    }).values;
  } catch (error) {
    if (error instanceof TypeError) throw new UsageError(error.message);
    throw error;
  }
}

function readAddress(option: string, text: string | undefined, problems: string[]): Address | null {
  const address = text === undefined ? { wrong: "is missing" } : parseAddress(text, { minPort: 1 });
  if (!("wrong" in address)) return address;
  problems.push(
    text === undefined ? `${option} is missing: HOST:PORT` : `${option}: ${text} ${address.wrong}.`,
  );
  return null;
}

function readOrigin(text: string, problems: string[]): URL | null {
  const url = parseHttpUrl(text);
  if (url instanceof URL) return url;
  problems.push(`--origin: ${text.replace(/\/\/.*@/, "//…@")} ${url.wrong}.`);
  return null;
}

function instructions(
  { directory, edgeAddress, tunnelAddress, transport }: PairOptions,
  written: WrittenPair,
): string {
  const { hostname, port } = edgeAddress;
  const called = formatAddress({ hostname: isWildcard(hostname) ? "localhost" : hostname, port });
  const wildcardNote = isWildcard(hostname)
    ? `\nThe edge's certificate is for localhost only, since ${hostname} is no name that a client can call.\n`
    : "";
  const protocol = transport === undefined ? "UDP and TCP" : transport === "quic" ? "UDP" : "TCP";
  return `Wrote ${Object.keys(PAIR_FILES).length} files into ${directory}.

Edge's machine (clients come in on TCP port ${port}): into one folder
    ${PAIR_FILES.edgeConfig} ${PAIR_FILES.edgeCertificate} ${PAIR_FILES.edgeKey} ${PAIR_FILES.edgeIdentityKey} ${PAIR_FILES.ca}
    deno task edge --config ${PAIR_FILES.edgeConfig}
Core's machine (the edge comes in on ${protocol} port ${tunnelAddress.port}): into one folder
    ${PAIR_FILES.coreConfig} ${PAIR_FILES.coreCertificate} ${PAIR_FILES.coreKey}
    deno task core --config ${PAIR_FILES.coreConfig}
Neither: ${PAIR_FILES.caKey} signs new certificates. Keep it away from both.
Clients: must trust ${PAIR_FILES.ca}.
${wildcardNote}
API key, shown this once (${PAIR_FILES.coreConfig} has its hash only):
    ${written.apiKey}

Try it:
    curl --cacert ${
    shellQuote(written.caFile)
  } -H 'Authorization: Bearer ${written.apiKey}' https://${called}/v1/models`;
}

if (import.meta.main) Deno.exitCode = await init(Deno.args);
