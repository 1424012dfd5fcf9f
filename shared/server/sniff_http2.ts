/**
 * Tells HTTP/2 with prior knowledge from HTTP/1.1 on a plain connection by its first bytes (RFC 9113 §3.3): nothing that
 * HTTP/1.1 allows begins with the whole preface.
 */
import type { ByteConnection } from "../transport/byte_connection.ts";

const PREFACE = new TextEncoder().encode("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
const FIRST_READ_BYTES = 2048;

export interface SniffedConnection {
  protocol: "http1" | "h2";
  /** Reads what was sniffed first, then the rest. */
  connection: ByteConnection;
}

/** Reads until the protocol is clear. Rejects with what `read` rejects with; the caller bounds the time. */
export async function sniffHttp2(connection: ByteConnection): Promise<SniffedConnection> {
  const buffer = new Uint8Array(FIRST_READ_BYTES);
  let length = 0;
  let isPreface = true;
  let isEnded = false;
  while (isPreface && length < PREFACE.length && !isEnded) {
    const read = await connection.read(buffer.subarray(length));
    isEnded = read === null;
    length += read ?? 0;
    for (let i = 0; i < Math.min(length, PREFACE.length); i++) isPreface &&= buffer[i] === PREFACE[i];
  }
  return {
    protocol: isPreface && length >= PREFACE.length ? "h2" : "http1",
    connection: new PrefixedConnection(connection, { prefix: buffer.subarray(0, length), isEnded }),
  };
}

/** A connection of which the first bytes have been read already. */
class PrefixedConnection implements ByteConnection {
  readonly #connection: ByteConnection;
  readonly #isEnded: boolean;
  #prefix: Uint8Array | null;

  constructor(connection: ByteConnection, start: { prefix: Uint8Array; isEnded: boolean }) {
    this.#connection = connection;
    this.#prefix = start.prefix;
    this.#isEnded = start.isEnded;
  }

  read(buffer: Uint8Array): Promise<number | null> {
    const prefix = this.#prefix;
    if (prefix !== null && prefix.length > 0) {
      const taken = Math.min(prefix.length, buffer.length);
      buffer.set(prefix.subarray(0, taken));
      this.#prefix = taken === prefix.length ? null : prefix.subarray(taken);
      return Promise.resolve(taken);
    }
    return this.#isEnded ? Promise.resolve(null) : this.#connection.read(buffer);
  }

  write(bytes: Uint8Array): Promise<number> {
    return this.#connection.write(bytes);
  }

  async closeWrite(): Promise<void> {
    await this.#connection.closeWrite?.();
  }

  close(): void {
    this.#connection.close();
  }
}
