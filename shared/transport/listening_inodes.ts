import type { KernelFiles } from "./kernel_files.ts";

/** State LISTEN in /proc/net/tcp; a bound UDP socket that is not connected shows state CLOSE. */
const RECEIVING_STATE = { tcp: "0A", udp: "07" } as const;

/** Inodes of all sockets of this machine (of its network namespace) that take new peers on `port`, on any address. */
export function listeningInodes(
  files: KernelFiles,
  port: number,
  { transport = "tcp" }: { transport?: "tcp" | "udp" } = {},
): Set<string> {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const inodes = new Set<string>();
  for (const table of [`/proc/self/net/${transport}`, `/proc/self/net/${transport}6`]) {
    for (const line of (files.readText(table) ?? "").split("\n")) {
      const columns = line.trim().split(/\s+/);
      const inode = columns[9];
      if (columns[1]?.endsWith(suffix) && columns[3] === RECEIVING_STATE[transport] && inode !== undefined) {
        inodes.add(inode);
      }
    }
  }
  return inodes;
}
