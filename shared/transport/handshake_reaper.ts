/**
 * Ends TLS connections whose handshake is not done.
 *
 * `TlsConn.close()` then only lets go of the connection: Deno goes on with the handshake in the background, for as
 * long as the peer likes, and the descriptor stays taken (rustls-tokio-stream, `impl Drop for TlsStream`). Peers
 * that connect and keep silent would use up all descriptors. No API reaches the socket, so it is looked for among
 * the process's own descriptors by its two addresses and shut down, which makes the background handshake fail.
 * Looking costs some 0.5 µs a descriptor, so the abandoned of a moment are looked for together.
 */
import type { Clock } from "../clock/clock.ts";
import { type Libc, withLibc } from "./libc.ts";

const SWEEP_DELAY_MS = 100;
const SHUT_RDWR = 2;
const AF_INET = 2;
const AF_INET6 = 10;
/** Descriptors above are not looked at. */
const MAX_DESCRIPTOR = 65_536;
/** Numbers are given out from the lowest: so many free ones in a row are the end of the table, nearly always. */
const MAX_FREE_RUN = 4_096;

export class HandshakeReaper {
  readonly #clock: Clock;
  /** Keys as {@linkcode keyOf} makes them. */
  readonly #abandoned = new Set<string>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Closes a connection whose handshake is under way; within a moment its socket is gone too. */
  abandon(connection: Deno.TlsConn): void {
    const { localAddr, remoteAddr } = connection;
    connection.close();
    this.#abandoned.add(keyOf({ localPort: localAddr.port, ip: remoteAddr.hostname, port: remoteAddr.port }));
    if (this.#abandoned.size === 1) this.#clock.after(SWEEP_DELAY_MS, () => this.#sweep());
  }

  /** Without the C library nothing can be done; listeners say so at start (`SocketOptionsResult`). */
  #sweep(): void {
    withLibc((libc) => {
      for (let descriptor = 0, free = 0; descriptor < MAX_DESCRIPTOR && free < MAX_FREE_RUN; descriptor++) {
        const peer = addressOf(libc.getpeername, descriptor);
        free = peer === "no descriptor" ? free + 1 : 0;
        if (typeof peer === "string") continue;
        const local = addressOf(libc.getsockname, descriptor);
        if (typeof local === "string") continue;
        const key = keyOf({ localPort: local.port, ...peer });
        if (this.#abandoned.delete(key)) libc.shutdown(descriptor, SHUT_RDWR);
        if (this.#abandoned.size === 0) return;
      }
    });
    this.#abandoned.clear();
  }
}

interface SocketAddress {
  readonly ip: string;
  readonly port: number;
}

const address = new Uint8Array(28);
const addressLength = new Uint32Array(1);
const addressView = new DataView(address.buffer);

function addressOf(
  call: Libc["getpeername"],
  descriptor: number,
): SocketAddress | "no descriptor" | "no address" {
  addressLength[0] = address.length;
  addressView.setUint16(0, 0);
  if (call(descriptor, address, new Uint8Array(addressLength.buffer)) !== 0) return "no descriptor";
  const family = addressView.getUint16(0, true);
  const port = addressView.getUint16(2);
  if (family === AF_INET) return { ip: address.subarray(4, 8).join("."), port };
  if (family !== AF_INET6) return "no address";
  const groups = Array.from({ length: 8 }, (_, index) => addressView.getUint16(8 + 2 * index).toString(16));
  return { ip: groups.join(":"), port };
}

/** IPv6 addresses have many spellings; a URL knows one (WHATWG URL, "IPv6 serializer"). */
function keyOf({ localPort, ip, port }: SocketAddress & { readonly localPort: number }): string {
  const canonical = ip.includes(":") ? new URL(`http://[${ip}]`).hostname : ip;
  return `${localPort} ${canonical} ${port}`;
}
