/**
 * The state folder of `deno task up`: keys, certificates and configurations, made on the first start and used again
 * as long as the same relay is asked for, so that clients keep their key and their trust.
 */
import { join } from "node:path";
import { type Address, formatAddress } from "../shared/config/address.ts";
import type { UpOptions } from "./up_options.ts";
import { PAIR_FILES, writePair } from "./write_pair.ts";

/** Addresses and secrets of a relay on one machine. */
export interface UpState {
  readonly edgeAddress: Address;
  readonly tunnelAddress: Address;
  readonly edgeAdminAddress: Address;
  readonly coreAdminAddress: Address;
  /** Of the embedded origin; null where others are used. */
  readonly originAddress: Address | null;
  readonly apiKey: string;
  readonly edgeFile: string;
  readonly coreFile: string;
  readonly caFile: string;
}

const STATE_FILE = "up.json";
/** Raised when the files in the folder are no longer what older versions wrote. */
const LAYOUT = 2;
const LOOPBACK = "127.0.0.1";

/** Reads the state folder, or fills it. @throws {PairError} if it cannot be used */
export async function prepareState(options: UpOptions): Promise<UpState> {
  const kept = await readState(options);
  if (kept !== null) return kept;
  const edgeAddress = withPort(options.edgeAddress);
  const tunnelAddress = withPort(options.tunnelAddress);
  const edgeAdminAddress = preferredPort(9101);
  const coreAdminAddress = preferredPort(9102);
  const originAddress = options.origins.length > 0 ? null : preferredPort(8000);
  const origins = originAddress === null
    ? options.origins
    : [new URL(`http://${formatAddress(originAddress)}`)];
  const { edgeFile, coreFile, caFile, apiKey } = await writePair({
    directory: options.stateDirectory,
    edgeAddress,
    tunnelAddress,
    edgeAdminAddress,
    coreAdminAddress,
    origins,
    ...(options.transport === null ? {} : { transport: options.transport }),
    force: true,
  });
  const written = {
    asked: asked(options),
    edgeAddress,
    tunnelAddress,
    edgeAdminAddress,
    coreAdminAddress,
    originAddress,
    apiKey,
  };
  await Deno.writeTextFile(join(options.stateDirectory, STATE_FILE), JSON.stringify(written, null, 2), {
    mode: 0o600,
  });
  return { ...written, edgeFile, coreFile, caFile };
}

/** What was asked for, as text: a state made for something else is made anew. */
function asked(options: UpOptions): string {
  return JSON.stringify([
    LAYOUT,
    options.origins.map((origin) => origin.href),
    formatAddress(options.edgeAddress),
    formatAddress(options.tunnelAddress),
    options.transport,
  ]);
}

async function readState(options: UpOptions): Promise<UpState | null> {
  const path = (name: string) => join(options.stateDirectory, name);
  let text: string;
  try {
    text = await Deno.readTextFile(path(STATE_FILE));
    for (const file of Object.values(PAIR_FILES)) await Deno.stat(path(file));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
  const kept = JSON.parse(text);
  if (kept.asked !== asked(options)) return null;
  return {
    ...kept,
    edgeFile: path(PAIR_FILES.edgeConfig),
    coreFile: path(PAIR_FILES.coreConfig),
    caFile: path(PAIR_FILES.ca),
  };
}

/** Port 0 becomes one that is free now. */
function withPort(address: Address): Address {
  return address.port === 0 ? { ...address, port: freePort(address.hostname) } : address;
}

/** The usual port where it is free, else another: nobody asked for this one. */
function preferredPort(port: number): Address {
  const listener = tryListen(LOOPBACK, port);
  listener?.close();
  return { hostname: LOOPBACK, port: listener === null ? freePort(LOOPBACK) : port };
}

function freePort(hostname: string): number {
  const listener = Deno.listen({ hostname, port: 0 });
  const { port } = listener.addr;
  listener.close();
  return port;
}

function tryListen(hostname: string, port: number): Deno.Listener | null {
  try {
    return Deno.listen({ hostname, port });
  } catch (error) {
    if (error instanceof Deno.errors.AddrInUse) return null;
    throw error;
  }
}
