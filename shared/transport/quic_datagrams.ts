import type { LaneDatagrams } from "./lane_datagrams.ts";

/** The datagrams of a QUIC connection (RFC 9221). What nobody reads is bounded by the runtime, which drops the oldest. */
export class QuicDatagrams implements LaneDatagrams {
  readonly #connection: Deno.QuicConn;

  constructor(connection: Deno.QuicConn) {
    this.#connection = connection;
  }

  get maxBytes(): number {
    return this.#connection.maxDatagramSize;
  }

  async send(bytes: Uint8Array): Promise<void> {
    try {
      await this.#connection.sendDatagram(bytes);
    } catch (error) {
      if (!isTooLarge(error)) throw error;
    }
  }

  receive(): Promise<Uint8Array> {
    return this.#connection.readDatagram();
  }
}

/** Deno has no error class for it: quinn's text tells. */
function isTooLarge(error: unknown): boolean {
  return error instanceof Error && error.message === "datagram too large";
}
