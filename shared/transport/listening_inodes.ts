import type { KernelFiles } from "./kernel_files.ts";

/** State LISTEN in /proc/net/tcp. */
const LISTEN_STATE = "0A";

/** Inodes of all sockets of this machine (of its network namespace) that listen on TCP `port`, on any address. */
export function listeningInodes(files: KernelFiles, port: number): Set<string> {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const inodes = new Set<string>();
  for (const table of ["/proc/self/net/tcp", "/proc/self/net/tcp6"]) {
    for (const line of (files.readText(table) ?? "").split("\n")) {
      const columns = line.trim().split(/\s+/);
      const inode = columns[9];
      if (columns[1]?.endsWith(suffix) && columns[3] === LISTEN_STATE && inode !== undefined) {
        inodes.add(inode);
      }
    }
  }
  return inodes;
}
