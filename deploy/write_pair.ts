/** Writes all that an edge and a core need to find and trust each other: configurations, certificates, keys. */
import { join } from "node:path";
import { type Address, formatAddress, isLoopback, isWildcard } from "../shared/config/address.ts";
import { generateApiKey, hashApiKey } from "../shared/config/api_key.ts";
import type { Transport } from "../shared/config/node_sections.ts";
import { createAuthority, issueCertificate } from "../shared/pki/certificate_authority.ts";
import { createEdgeKeyPair } from "../shared/pki/edge_key.ts";
import { decodePem } from "../shared/pki/pem.ts";
import { writePrivatePemFile, writePublicPemFile } from "../shared/pki/pem_files.ts";

const AUTHORITY_DAYS = 3650;
/** Longest validity that Apple's clients accept of a private authority. */
const CERTIFICATE_DAYS = 825;

/** What carries the tunnel unless one transport is asked for; both have the same port number. */
const DEFAULT_TRANSPORTS: readonly Transport[] = ["quic", "tls"];

/** Names of the files within the folder. */
export const PAIR_FILES = {
  edgeConfig: "edge.yaml",
  coreConfig: "core.yaml",
  ca: "ca.pem",
  caKey: "ca-key.pem",
  edgeCertificate: "edge-certificate.pem",
  edgeKey: "edge-key.pem",
  edgeIdentityKey: "edge-identity-key.pem",
  coreCertificate: "core-certificate.pem",
  coreKey: "core-key.pem",
} as const;

export interface PairOptions {
  /** Made if it is not there. */
  directory: string;
  /** Where clients call the edge. */
  edgeAddress: Address;
  /** Where the edge calls the core. */
  tunnelAddress: Address;
  /** Base URLs of the model servers; at least one. */
  origins: readonly URL[];
  /** @default "edge-1" */
  edgeName?: string;
  /** What alone carries the tunnel. @default QUIC and TLS */
  transport?: Transport;
  /** @default the schema's default */
  edgeAdminAddress?: Address;
  /** @default the schema's default */
  coreAdminAddress?: Address;
  /** Overwrite what is there. @default false */
  force?: boolean;
}

export interface WrittenPair {
  readonly edgeFile: string;
  readonly coreFile: string;
  /** What clients have to trust. */
  readonly caFile: string;
  /** The only copy: `core.yaml` has the key's hash. */
  readonly apiKey: string;
}

/** The folder or an address cannot be used; the message is for the user. */
export class PairError extends Error {
  override name = "PairError";
}

/** @throws {PairError} before anything is written, if addresses make no sense or files would be overwritten */
export async function writePair(options: PairOptions): Promise<WrittenPair> {
  checkAddresses(options);
  const path = (file: keyof typeof PAIR_FILES) => join(options.directory, PAIR_FILES[file]);
  await prepareDirectory(options);

  const authority = await createAuthority({ name: "Lowu pair", days: AUTHORITY_DAYS });
  const edge = await issueCertificate(authority, {
    names: certificateNames(options.edgeAddress),
    days: CERTIFICATE_DAYS,
  });
  const core = await issueCertificate(authority, {
    names: certificateNames(options.tunnelAddress),
    days: CERTIFICATE_DAYS,
  });
  const identity = await createEdgeKeyPair();
  const apiKey = generateApiKey();

  await writePrivatePemFile(path("caKey"), authority.keyPem);
  await writePublicPemFile(path("ca"), authority.certificatePem);
  await writePrivatePemFile(path("edgeKey"), edge.keyPem);
  await writePublicPemFile(path("edgeCertificate"), edge.certificatePem);
  await writePrivatePemFile(path("coreKey"), core.keyPem);
  await writePublicPemFile(path("coreCertificate"), core.certificatePem);
  await writePrivatePemFile(path("edgeIdentityKey"), identity.privateKeyPem);
  await writePublicPemFile(path("edgeConfig"), edgeYaml(options));
  const publicKey = decodePem("PUBLIC KEY", identity.publicKeyPem).toBase64();
  await writePublicPemFile(path("coreConfig"), coreYaml(options, { publicKey, keyHash: hashApiKey(apiKey) }));
  return { edgeFile: path("edgeConfig"), coreFile: path("coreConfig"), caFile: path("ca"), apiKey };
}

function checkAddresses({ edgeAddress, tunnelAddress }: PairOptions): void {
  if (isWildcard(tunnelAddress.hostname)) {
    const shown = formatAddress(tunnelAddress);
    throw new PairError(
      `The edge cannot connect to ${shown}: give the name or address of the core's machine.`,
    );
  }
  if (tunnelAddress.port === 0) {
    throw new PairError("The edge cannot connect to port 0: give the tunnel a port.");
  }
  for (const { hostname } of [edgeAddress, tunnelAddress]) {
    if (!hostname.includes("_")) continue;
    throw new PairError(`No certificate can be made for ${hostname}: a name in a certificate has no '_'.`);
  }
  if (formatAddress(edgeAddress) === formatAddress(tunnelAddress)) {
    throw new PairError(`Edge and tunnel cannot both be at ${formatAddress(edgeAddress)}.`);
  }
}

async function prepareDirectory({ directory, force = false }: PairOptions): Promise<void> {
  try {
    await Deno.mkdir(directory, { recursive: true, mode: 0o700 });
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists || error instanceof Deno.errors.NotADirectory) {
      throw new PairError(`${directory} is not a folder.`, { cause: error });
    }
    if (error instanceof Deno.errors.PermissionDenied) {
      throw new PairError(`The folder ${directory} cannot be made: permission denied.`, { cause: error });
    }
    throw error;
  }
  if (force) return;
  const names = new Set<string>(Object.values(PAIR_FILES));
  const present = Array.from(Deno.readDirSync(directory), ({ name }) => name).filter((name) =>
    names.has(name)
  );
  if (present.length === 0) return;
  throw new PairError(
    `${directory} already holds ${present.toSorted().join(", ")}. Say --force to overwrite.`,
  );
}

function certificateNames({ hostname }: Address): string[] {
  const own = isWildcard(hostname) ? [] : [hostname];
  const local = isWildcard(hostname) || isLoopback(hostname) ? ["localhost", "127.0.0.1", "::1"] : [];
  return [...new Set([...own, ...local])];
}

/** Every interface, unless the address is one that only this machine has: a cloud machine does not hold its public one. */
function listenAddress({ hostname, port }: Address): string {
  if (isLoopback(hostname)) return formatAddress({ hostname, port });
  return formatAddress({ hostname: hostname.includes(":") ? "::" : "0.0.0.0", port });
}

function adminYaml(address: Address | undefined): string {
  return address === undefined ? "" : `admin:\n  address: ${quote(formatAddress(address))}\n`;
}

/** A list of the tunnel's transports at one address, as YAML. */
function transportsYaml(
  { transport }: PairOptions,
  { address, indent }: { address: string; indent: string },
): string {
  const transports = transport === undefined ? DEFAULT_TRANSPORTS : [transport];
  return transports.map((name) => `${indent}- { address: ${quote(address)}, transport: ${name} }`).join("\n");
}

function edgeYaml(options: PairOptions): string {
  const { edgeAddress, tunnelAddress, edgeName = "edge-1" } = options;
  return `# An edge. deploy/docs/configuration.md lists all options.
node: edge
name: ${quote(edgeName)}
listener:
  address: ${quote(listenAddress(edgeAddress))}
  certificates:
    - certificate_file: ${PAIR_FILES.edgeCertificate}
      key_file: ${PAIR_FILES.edgeKey}
tunnel:
  cores:
    - name: core-1
      server_name: ${quote(tunnelAddress.hostname)}
      addresses:
${transportsYaml(options, { address: formatAddress(tunnelAddress), indent: "        " })}
  ca_file: ${PAIR_FILES.ca}
  edge_key_file: ${PAIR_FILES.edgeIdentityKey}
${adminYaml(options.edgeAdminAddress)}`;
}

function coreYaml(options: PairOptions, secrets: { publicKey: string; keyHash: string }): string {
  const { tunnelAddress, origins, edgeName = "edge-1" } = options;
  return `# A core. deploy/docs/configuration.md lists all options.
node: core
name: core-1
tunnel:
  listeners:
${transportsYaml(options, { address: listenAddress(tunnelAddress), indent: "    " })}
  certificate_file: ${PAIR_FILES.coreCertificate}
  key_file: ${PAIR_FILES.coreKey}
  edges:
    - name: ${quote(edgeName)}
      public_key: ${secrets.publicKey}
auth:
  api_keys:
    - name: default
      hash: ${secrets.keyHash}
origins:
  - name: llm
    endpoints:
${origins.map((origin) => `      - url: ${quote(origin.href)}`).join("\n")}
routes:
  - origin: llm
${adminYaml(options.coreAdminAddress)}`;
}

/** JSON's strings are YAML's double-quoted ones; a `\${` of the user's is not a reference. */
function quote(text: string): string {
  return JSON.stringify(text.replaceAll("${", "$${"));
}
