/** Which process listens on a TCP port: for the message of an operator who cannot start a node. */
import { type KernelFiles, withKernelFiles } from "./kernel_files.ts";

export interface PortOwner {
  pid: number;
  /** Name of the program, as `ps` shows it. */
  command: string;
}

/** State LISTEN in /proc/net/tcp. */
const LISTEN_STATE = "0A";

/** The first process found that listens on `port`, or null where that cannot be told (not Linux, not allowed to look). */
export function findPortOwner(port: number): PortOwner | null {
  return withKernelFiles((files) => {
    const inodes = listeningInodes(files, port);
    if (inodes.size === 0) return null;
    for (const pid of files.list("/proc")) {
      if (!/^\d+$/.test(pid)) continue;
      for (const descriptor of files.list(`/proc/${pid}/fd`)) {
        const link = files.readLink(`/proc/${pid}/fd/${descriptor}`) ?? "";
        const inode = /^socket:\[(\d+)\]$/.exec(link)?.[1];
        if (inode === undefined || !inodes.has(inode)) continue;
        return { pid: Number(pid), command: (files.readText(`/proc/${pid}/comm`) ?? "?").trim() };
      }
    }
    return null;
  });
}

/** Socket inodes that listen on `port` on any address. */
function listeningInodes(files: KernelFiles, port: number): Set<string> {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const inodes = new Set<string>();
  for (const table of ["/proc/self/net/tcp", "/proc/self/net/tcp6"]) {
    for (const line of (files.readText(table) ?? "").split("\n")) {
      const columns = line.trim().split(/\s+/);
      const inode = columns[9];
      if (columns[1]?.endsWith(suffix) && columns[3] === LISTEN_STATE && inode !== undefined) inodes.add(inode);
    }
  }
  return inodes;
}
