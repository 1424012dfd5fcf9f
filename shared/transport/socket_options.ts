/**
 * Options of TCP listeners that Deno cannot set.
 *
 * TLS sockets in Deno run with Nagle's algorithm on: tokens leave in bursts of one round trip. Linux hands a
 * listener's options down to the sockets it accepts, so one `setsockopt` on the listener is enough.
 * A listener's descriptor is not exposed: it is found among the process's own descriptors as the listening socket
 * bound to the port. Looking it up through /proc was rejected: Deno allows /proc to `--allow-all` only.
 */
import { type Libc, withLibc } from "./libc.ts";

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
const SO_ACCEPTCONN = 30;
const TCP_NODELAY = 1;
const TCP_KEEPIDLE = 4;
const TCP_KEEPINTVL = 5;
const TCP_KEEPCNT = 6;
const TCP_CONGESTION = 13;
const TCP_USER_TIMEOUT = 18;
const AF_INET = 2;
const AF_INET6 = 10;
const CONGESTION_CONTROL_PATH = "/proc/sys/net/ipv4/tcp_congestion_control";
/** Descriptors above are not looked at: 65,536 failing calls take some 20 ms. */
const MAX_DESCRIPTOR = 65_536;

/**
 * Sets TCP_NODELAY, keep-alive and the user time-out on every listening socket of this process on `listener`'s port;
 * sockets accepted from then on inherit them.
 */
export function setListenerSocketOptions(
  listener: Deno.Listener,
  options: ListenerSocketOptions = {},
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
  const result = withLibc((libc): SocketOptionsResult => {
    const descriptors = listeningDescriptors(libc, address.port);
    if (descriptors.length === 0) return { kind: "unavailable", reason: "no listening descriptor found" };
    for (const descriptor of descriptors) {
      for (const [level, name, value] of wanted) {
        const status = libc.setsockopt(descriptor, level, name, new Uint8Array(Int32Array.of(value).buffer), 4);
        if (status !== 0) return { kind: "unavailable", reason: `setsockopt ${level}/${name} failed` };
      }
    }
    return { kind: "set", congestionControl: congestionControlOf(libc, descriptors[0] ?? -1) };
  });
  return result.kind === "done" ? result.value : result;
}

/**
 * The kernel's default congestion control for TCP ("bbr", "cubic", …), or null where it cannot be read (not Linux, or
 * not run with `--allow-all`; {@linkcode setListenerSocketOptions} then still tells a listener's own).
 */
export function readCongestionControl(): string | null {
  try {
    return Deno.readTextFileSync(CONGESTION_CONTROL_PATH).trim();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotCapable) return null;
    throw error;
  }
}

/** Descriptors of this process that listen on `port`, whatever their address. */
function listeningDescriptors(libc: Libc, port: number): number[] {
  const found: number[] = [];
  const flag = new Int32Array(1);
  const address = new Uint8Array(28);
  const length = new Uint32Array(1);
  for (let descriptor = 0; descriptor < MAX_DESCRIPTOR; descriptor++) {
    length[0] = 4;
    if (libc.getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, bytesOf(flag), bytesOf(length)) !== 0) continue;
    if (flag[0] !== 1) continue;
    length[0] = address.length;
    if (libc.getsockname(descriptor, address, bytesOf(length)) !== 0) continue;
    const family = new DataView(address.buffer).getUint16(0, true);
    if (family !== AF_INET && family !== AF_INET6) continue;
    if (new DataView(address.buffer).getUint16(2) === port) found.push(descriptor);
  }
  return found;
}

function congestionControlOf(libc: Libc, descriptor: number): string {
  const name = new Uint8Array(16);
  const length = Uint32Array.of(name.length);
  if (libc.getsockopt(descriptor, IPPROTO_TCP, TCP_CONGESTION, name, bytesOf(length)) !== 0) return "unknown";
  const end = name.indexOf(0);
  return new TextDecoder().decode(end < 0 ? name : name.subarray(0, end));
}

function bytesOf(array: Int32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  return new Uint8Array(array.buffer);
}
