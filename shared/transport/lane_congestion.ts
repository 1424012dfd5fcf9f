import { readCongestionControl } from "./socket_options.ts";

/** Which congestion control TCP lanes run with; QUIC lanes always have BBR, in the process itself. */
export interface TcpLaneCongestion {
  /** The kernel's default ("bbr", "cubic", …), null where it cannot be read. */
  readonly algorithm: string | null;
  /** Whether it is some version of BBR: loss-driven ones stall TCP lanes on a lossy border link. */
  readonly isBbr: boolean;
}

/** Looks at the kernel's default, for the log at start-up; Deno cannot choose it for a socket. */
export function readTcpLaneCongestion(): TcpLaneCongestion {
  const algorithm = readCongestionControl();
  return { algorithm, isBbr: algorithm?.startsWith("bbr") ?? false };
}

/** What {@linkcode warnOfTcpCongestion} needs of a log. */
export interface WarningLog {
  warn(event: string, fields: { readonly algorithm: string; readonly advice: string }): void;
}

/**
 * Warns if TCP lanes (`tls`, `websocket`) would run without BBR: for nodes that have some. Says nothing where the
 * kernel's choice cannot be read.
 */
export function warnOfTcpCongestion(
  log: WarningLog,
  { algorithm, isBbr }: TcpLaneCongestion = readTcpLaneCongestion(),
): void {
  if (algorithm === null || isBbr) return;
  log.warn("tcp_lanes_without_bbr", {
    algorithm,
    advice: "set net.ipv4.tcp_congestion_control=bbr: others collapse at 1 % loss",
  });
}
