/**
 * Makes the Ed25519 key by which a node proves who it is: an edge to its cores, or a core to edges that it dials. The
 * private half goes into a file, the public one, as the other node's configuration takes it, to standard output.
 */
import { parseArgs } from "node:util";
import { createEdgeKeyPair } from "../shared/pki/edge_key.ts";
import { decodePem } from "../shared/pki/pem.ts";
import { writePrivatePemFile } from "../shared/pki/pem_files.ts";

const USAGE = "usage: deno task key --out FILE";

/** Returns the exit code: 0 done, 1 there is a file already, 2 wrong usage. */
export async function makeKey(args: readonly string[]): Promise<number> {
  const out = readOut(args);
  if (out === null) {
    console.error(USAGE);
    return 2;
  }
  if (await exists(out)) {
    console.error(`${out} is there already; a key is not overwritten.`);
    return 1;
  }
  const { privateKeyPem, publicKeyPem } = await createEdgeKeyPair();
  await writePrivatePemFile(out, privateKeyPem);
  console.log(decodePem("PUBLIC KEY", publicKeyPem).toBase64());
  return 0;
}

function readOut(args: readonly string[]): string | null {
  try {
    const { out } = parseArgs({ args: [...args], options: { out: { type: "string" } } }).values;
    return out === undefined || out === "" ? null : out;
  } catch (error) {
    if (error instanceof TypeError) return null;
    throw error;
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.lstat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

if (import.meta.main) Deno.exitCode = await makeKey(Deno.args);
