/** What is to be said about the machine that the edge runs on. */
import { bytesText } from "./amount_text.ts";
import type { BufferFacts, EdgeFacts, ListenerFacts, MachineFacts } from "./facts.ts";
import { bad, type Judgement, ok, warn } from "./finding.ts";

/** What 100 Mbit/s bring in 80 ms. */
const MIN_UDP_BUFFER_BYTES = 1024 * 1024;
const ADVISED_UDP_BUFFER_BYTES = 4 * 1024 * 1024;
/** Files that an edge has open beside those of its clients, with room. */
const OTHER_OPEN_FILES = 1_000;

export function diagnoseMachine({ machine, cores, listeners, maxConnections }: EdgeFacts): Judgement[] {
  const transports = [...cores.flatMap(({ addresses }) => addresses), ...listeners];
  return [
    transports.some(({ transport }) => transport !== "quic") ? diagnoseCongestion(machine) : null,
    transports.some(({ transport }) => transport === "quic") ? diagnoseBuffers(machine.buffers) : null,
    diagnoseOpenFiles(machine.maxOpenFiles, maxConnections),
  ].filter((judgement) => judgement !== null);
}

/** Can the port of a reverse listener be bound? */
export function diagnoseListener({ address, transport, outcome, reason }: ListenerFacts): Judgement {
  const protocol = transport === "quic" ? "UDP" : "TCP";
  const what = `${protocol} ${address} (${transport})`;
  switch (outcome) {
    case "free":
      return ok("port", `${what} can be listened on`);
    case "in_use":
      return warn(
        "port",
        `${what} is in use`,
        "Right if this edge runs now; else stop what holds the port, or give the listener another.",
      );
    case "not_local":
      return bad(
        "port",
        `${what} cannot be listened on: this machine has no such address`,
        "Name an address of this machine, or 0.0.0.0 for all of them.",
      );
    case "denied":
      return bad(
        "port",
        `${what} may not be listened on by this user`,
        "Take a port above 1023, or give the service CAP_NET_BIND_SERVICE.",
      );
    case "failed":
      return bad("port", `${what} cannot be listened on: ${reason}`, "Put tunnel.reverse.listeners right.");
  }
}

function diagnoseCongestion(machine: MachineFacts): Judgement | null {
  const { congestionControl, availableCongestionControls } = machine;
  if (congestionControl === null) return null;
  if (congestionControl.startsWith("bbr")) {
    return ok("congestion", `TCP lanes run with ${congestionControl}`);
  }
  const isLoaded = availableCongestionControls.some((name) => name.startsWith("bbr"));
  return warn(
    "congestion",
    `TCP lanes run with ${congestionControl}, which collapses at 1 % loss`,
    `Here and on the core's machine: ${
      isLoaded ? "" : "modprobe tcp_bbr && "
    }sysctl -w net.ipv4.tcp_congestion_control=bbr`,
  );
}

function diagnoseBuffers(buffers: BufferFacts | null): Judgement | null {
  if (buffers === null) return null;
  const { rmemDefault, rmemMax, wmemDefault, wmemMax } = buffers;
  const text = `UDP sockets get ${bytesText(rmemDefault)} to receive and ${bytesText(wmemDefault)} to send` +
    ` (bounds of the kernel: ${bytesText(rmemMax)}, ${bytesText(wmemMax)})`;
  if (Math.min(rmemDefault, wmemDefault) >= MIN_UDP_BUFFER_BYTES) return ok("buffers", text);
  const wanted = ["rmem_default", "wmem_default"].map((name) =>
    `net.core.${name}=${ADVISED_UDP_BUFFER_BYTES}`
  );
  return warn("buffers", `${text}: bursts over QUIC are dropped`, `sysctl -w ${wanted.join(" ")}`);
}

function diagnoseOpenFiles(maxOpenFiles: number | null, maxConnections: number): Judgement | null {
  if (maxOpenFiles === null) return null;
  const needed = maxConnections + OTHER_OPEN_FILES;
  const text = `${maxOpenFiles} may be open, for ${maxConnections} client connections`;
  if (maxOpenFiles >= needed) return ok("open files", text);
  return warn(
    "open files",
    text,
    `ulimit -n ${needed} (LimitNOFILE=${needed} in a unit of systemd), or lower listener.max_connections.`,
  );
}
