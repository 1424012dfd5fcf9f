/** On what a bench ran. */
export interface BenchEnvironment {
  readonly kernel: string;
  readonly cpu: string;
  readonly cores: number;
  readonly deno: string;
  readonly tcpCongestionControl: string;
  /** One minute's average before the bench: above a few tenths, something else ran beside it. */
  readonly loadBefore: number;
}

export function readEnvironment(): BenchEnvironment {
  const cpuInfo = Deno.readTextFileSync("/proc/cpuinfo");
  return {
    kernel: Deno.osRelease(),
    cpu: /^model name\s*:\s*(.+)$/m.exec(cpuInfo)?.[1]?.trim() ?? Deno.build.arch,
    cores: navigator.hardwareConcurrency,
    deno: Deno.version.deno,
    tcpCongestionControl: Deno.readTextFileSync("/proc/sys/net/ipv4/tcp_congestion_control").trim(),
    loadBefore: Deno.loadavg()[0] ?? NaN,
  };
}

export function environmentText(environment: BenchEnvironment): string {
  const { kernel, cpu, cores, deno, tcpCongestionControl, loadBefore } = environment;
  return `Linux ${kernel}, ${cores} × ${cpu}, Deno ${deno}, TCP ${tcpCongestionControl}, load before ${
    loadBefore.toFixed(2)
  }`;
}
