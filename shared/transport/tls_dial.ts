/**
 * Dials TLS over TCP for a lane; may be given up at any moment.
 *
 * `connect` + `setNoDelay` + `startTls`, because a socket from `connectTls` has Nagle's algorithm on and no way to turn
 * it off. A dial that is given up lets TCP connect go on for a while and closes what comes of it: `Deno.connect` loses
 * the socket for good if its signal fires in the very turn in which it connects, and a busy process does its time-outs
 * and its arrivals in the same turns.
 */
import { SYSTEM_CLOCK } from "../clock/clock.ts";
import { HandshakeReaper } from "./handshake_reaper.ts";
import type { DialLaneOptions } from "./lane_connection.ts";

/** Then connecting is aborted; by now nobody's clock says that it should be over. */
const LINGER_MS = 2_000;

export interface TlsDialOptions extends Pick<DialLaneOptions, "serverName" | "caCertificates"> {
  /** Offered to the peer (RFC 7301); with `isAlpnOptional` it may also choose none. */
  readonly alpnProtocol: string;
  readonly isAlpnOptional: boolean;
}

const reaper = new HandshakeReaper(SYSTEM_CLOCK);

export class TlsDial {
  /** Resolves when the TLS handshake is done. */
  readonly ready: Promise<Deno.TlsConn>;
  #connection: Deno.TlsConn | null = null;
  #isHandshaking = false;
  #isClosed = false;
  readonly #connecting = new AbortController();
  #stopLingering = () => {};

  constructor(ip: string, port: number, options: TlsDialOptions) {
    this.ready = this.#dial({ hostname: ip, port }, options);
  }

  /** Ends the attempt or its connection, at whatever stage; does nothing if that has happened. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (this.#connection === null) {
      this.#stopLingering = SYSTEM_CLOCK.after(LINGER_MS, () => this.#connecting.abort());
    } else if (this.#isHandshaking) {
      reaper.abandon(this.#connection);
    } else {
      this.#connection.close();
    }
  }

  async #dial(peer: { hostname: string; port: number }, options: TlsDialOptions): Promise<Deno.TlsConn> {
    const tcp = await this.#connect(peer);
    tcp.setNoDelay(true);
    const tls = await Deno.startTls(tcp, {
      hostname: options.serverName,
      caCerts: [...options.caCertificates],
      alpnProtocols: [options.alpnProtocol],
    });
    this.#connection = tls;
    if (this.#isClosed) {
      reaper.abandon(tls);
      throw givenUp();
    }
    this.#isHandshaking = true;
    try {
      const { alpnProtocol } = await tls.handshake().finally(() => this.#isHandshaking = false);
      if (this.#isClosed) throw givenUp();
      if (alpnProtocol === options.alpnProtocol || (alpnProtocol === null && options.isAlpnOptional)) {
        return tls;
      }
      throw new Error(`the peer speaks ${alpnProtocol ?? "no ALPN protocol"}`);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  async #connect(peer: { hostname: string; port: number }): Promise<Deno.TcpConn> {
    try {
      const tcp = await Deno.connect({ ...peer, signal: this.#connecting.signal });
      if (!this.#isClosed) return tcp;
      tcp.close();
      throw givenUp();
    } finally {
      this.#stopLingering();
    }
  }
}

function givenUp(): Error {
  return new Error("the dial was given up");
}
