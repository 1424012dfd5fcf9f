/** What the kernel of this machine is set to, as far as lanes depend on it. */
import { type KernelFiles, withKernelFiles } from "../../shared/transport/kernel_files.ts";
import { readTcpLaneCongestion } from "../../shared/transport/lane_congestion.ts";
import type { BufferFacts, MachineFacts } from "./facts.ts";

export function examineMachine(): MachineFacts {
  const { algorithm } = readTcpLaneCongestion();
  const read = withKernelFiles((files) => ({
    availableCongestionControls: words(
      files.readText("/proc/sys/net/ipv4/tcp_available_congestion_control"),
    ),
    buffers: readBuffers(files),
    maxOpenFiles: readOpenFilesLimit(files),
    interfaces: readInterfaces(files),
  }));
  return {
    congestionControl: algorithm,
    ...read ?? { availableCongestionControls: [], buffers: null, maxOpenFiles: null, interfaces: [] },
  };
}

function readBuffers(files: KernelFiles): BufferFacts | null {
  const bytes = (name: string) => numberIn(files.readText(`/proc/sys/net/core/${name}`));
  const rmemDefault = bytes("rmem_default");
  const rmemMax = bytes("rmem_max");
  const wmemDefault = bytes("wmem_default");
  const wmemMax = bytes("wmem_max");
  // A network namespace other than the first does not show all of them.
  if (rmemDefault === null || rmemMax === null || wmemDefault === null || wmemMax === null) return null;
  return { rmemDefault, rmemMax, wmemDefault, wmemMax };
}

/** The soft limit, which Deno raises to the hard one as it starts; null: none, or not known. */
function readOpenFilesLimit(files: KernelFiles): number | null {
  const line = /^Max open files +(\d+)/m.exec(files.readText("/proc/self/limits") ?? "");
  return line === null ? null : numberIn(line[1] ?? null);
}

function readInterfaces(files: KernelFiles): { name: string; mtu: number }[] {
  const names = new Set(Deno.networkInterfaces().map(({ name }) => name));
  names.delete("lo");
  return [...names].flatMap((name) => {
    const mtu = numberIn(files.readText(`/sys/class/net/${name}/mtu`));
    return mtu === null ? [] : [{ name, mtu }];
  });
}

function words(text: string | null): string[] {
  return text?.trim().split(/\s+/) ?? [];
}

function numberIn(text: string | null): number | null {
  const trimmed = text?.trim() ?? "";
  return /^\d+$/.test(trimmed) ? Number(trimmed) : null;
}
