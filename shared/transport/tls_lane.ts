import { formatAddress } from "../config/address.ts";
import type { LaneConnection } from "./lane_connection.ts";

/** A lane on a TLS socket whose handshake is done. */
export class TlsLane implements LaneConnection {
  readonly transport = "tls";
  readonly datagrams = null;
  readonly localAddress: string;
  readonly remoteAddress: string;
  readonly #connection: Deno.TlsConn;

  constructor(connection: Deno.TlsConn) {
    this.#connection = connection;
    this.localAddress = formatAddress(connection.localAddr);
    this.remoteAddress = formatAddress(connection.remoteAddr);
  }

  read(buffer: Uint8Array): Promise<number | null> {
    return this.#connection.read(buffer);
  }

  write(bytes: Uint8Array): Promise<number> {
    return this.#connection.write(bytes);
  }

  closeWrite(): Promise<void> {
    return this.#connection.closeWrite();
  }

  close(): void {
    this.#connection.close();
  }
}
