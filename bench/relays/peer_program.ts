import { join } from "node:path";
import { commandVersion } from "../harness/command_version.ts";

/** A folder with programs of peers that no system package brings; looked at before the path. */
export const PEERS_FOLDER = "LOWU_BENCH_PEERS";

/** How to call a peer's program: from that folder, else from the path. */
export function peerProgram(name: string): string {
  const folder = Deno.env.get(PEERS_FOLDER);
  if (folder === undefined) return name;
  const file = join(folder, name);
  try {
    Deno.statSync(file);
    return file;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return name;
    throw error;
  }
}

/** Null unless all `programs` are there; else what the first says about its version. */
export async function peerVersion(
  programs: readonly string[],
  args: readonly string[],
  pattern: RegExp,
): Promise<string | null> {
  const versions = await Promise.all(
    programs.map((name) => commandVersion(peerProgram(name), args, pattern)),
  );
  return versions.includes(null) ? null : versions[0] ?? null;
}
