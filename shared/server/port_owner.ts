/** Which process holds a port: for the message of an operator who cannot start a node. */
import { withKernelFiles } from "../transport/kernel_files.ts";
import { listeningInodes } from "../transport/listening_inodes.ts";

export interface PortOwner {
  pid: number;
  /** Name of the program, as `ps` shows it. */
  command: string;
}

/** The first process found that holds `port`, or null where that cannot be told (not Linux, not allowed to look). */
export function findPortOwner(port: number, transport: "tcp" | "udp" = "tcp"): PortOwner | null {
  return withKernelFiles((files) => {
    const inodes = listeningInodes(files, port, { transport });
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
