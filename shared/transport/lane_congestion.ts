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
