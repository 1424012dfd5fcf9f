/**
 * Options of TCP listeners that Deno cannot set.
 *
 * TLS sockets in Deno run with Nagle's algorithm on: tokens leave in bursts of one round trip. Linux hands a
 * listener's options down to the sockets it accepts, so one `setsockopt` on the listener is enough.
 */
import { withKernelFiles } from "./kernel_files.ts";
import { bytesOf, type Libc, withLibc } from "./libc.ts";
import { listeningDescriptors } from "./listening_descriptors.ts";

export interface ListenerSocketOptions {
  /** Idle time after which the kernel begins to probe a silent peer. @default 30 */
  keepAliveIdleSeconds?: number;
  /** @default 15 */
  keepAliveIntervalSeconds?: number;
  /** Time that sent bytes, probes included, may stay unacknowledged before the connection is dropped. @default 90_000 */
  userTimeoutMs?: number;
}

/** `unavailable`: nothing was set; `reason` says why, for a warning in the log. */
export type SocketOptionsResult =
  | { kind: "set"; congestionControl: string }
  | { kind: "unavailable"; reason: string };

const IPPROTO_TCP = 6;
const SOL_SOCKET = 1;
const SO_KEEPALIVE = 9;
const TCP_NODELAY = 1;
const TCP_KEEPIDLE = 4;
const TCP_KEEPINTVL = 5;
const TCP_KEEPCNT = 6;
const TCP_CONGESTION = 13;
const TCP_USER_TIMEOUT = 18;
const CONGESTION_CONTROL_PATH = "/proc/sys/net/ipv4/tcp_congestion_control";

/**
 * Opens a listener by `open` and sets TCP_NODELAY, keep-alive and the user time-out on it; the sockets that it accepts inherit them.
 * What connects between the two keeps the kernel's options, so everything else is done before.
 */
export function listenWithSocketOptions<L extends Deno.Listener>(
  open: () => L,
  options: ListenerSocketOptions = {},
): { readonly listener: L; readonly socketOptions: SocketOptionsResult } {
  const result = withLibc((libc) => {
    const listener = open();
    return { listener, socketOptions: setSocketOptions(libc, listener, options) };
  });
  return result.kind === "done" ? result.value : { listener: open(), socketOptions: result };
}

/** On every listening socket of this process on `listener`'s port. */
function setSocketOptions(
  libc: Libc,
  listener: Deno.Listener,
  options: ListenerSocketOptions,
): SocketOptionsResult {
  const address = listener.addr;
  if (address.transport !== "tcp") return { kind: "unavailable", reason: `not TCP: ${address.transport}` };
  const intervalSeconds = options.keepAliveIntervalSeconds ?? 15;
  const idleSeconds = options.keepAliveIdleSeconds ?? 30;
  const userTimeoutMs = options.userTimeoutMs ?? 90_000;
  const wanted = [
    [IPPROTO_TCP, TCP_NODELAY, 1],
    [SOL_SOCKET, SO_KEEPALIVE, 1],
    [IPPROTO_TCP, TCP_KEEPIDLE, idleSeconds],
    [IPPROTO_TCP, TCP_KEEPINTVL, intervalSeconds],
    [IPPROTO_TCP, TCP_KEEPCNT, 4],
    [IPPROTO_TCP, TCP_USER_TIMEOUT, userTimeoutMs],
  ] as const;
  const descriptors = listeningDescriptors(libc, address.port);
  if (descriptors.length === 0) return { kind: "unavailable", reason: "no listening descriptor found" };
  for (const descriptor of descriptors) {
    for (const [level, name, value] of wanted) {
      const bytes = bytesOf(Int32Array.of(value));
      if (libc.setsockopt(descriptor, level, name, bytes, bytes.length) !== 0) {
        return { kind: "unavailable", reason: `setsockopt ${level}/${name} failed` };
      }
    }
  }
  return { kind: "set", congestionControl: congestionControlOf(libc, descriptors[0] ?? -1) };
}

/**
 * The kernel's default congestion control for TCP ("bbr", "cubic", …), or null where it cannot be read (not Linux, or
 * neither /proc nor the C library is allowed).
 */
export function readCongestionControl(): string | null {
  return withKernelFiles((files) => files.readText(CONGESTION_CONTROL_PATH))?.trim() ?? null;
}

function congestionControlOf(libc: Libc, descriptor: number): string {
  const name = new Uint8Array(16);
  const length = Uint32Array.of(name.length);
  if (libc.getsockopt(descriptor, IPPROTO_TCP, TCP_CONGESTION, name, bytesOf(length)) !== 0) return "unknown";
  const end = name.indexOf(0);
  return new TextDecoder().decode(end < 0 ? name : name.subarray(0, end));
}
