/**
 * A QUIC lane: one connection that carries exactly one bidirectional stream.
 *
 * Our frames are multiplexed on one stream because a QUIC stream for each request costs ten times the processor time
 * and cannot be reset in Deno. The peer may open no second stream: a stream that nobody reads would take 1.25 MB.
 * Keep-alive and the idle time-out are the only signs of a peer that vanished without a word.
 */
import { formatAddress } from "../config/address.ts";
import type { LaneConnection } from "./lane_connection.ts";
import type { LaneDatagrams } from "./lane_datagrams.ts";
import { QuicDatagrams } from "./quic_datagrams.ts";
import { findRuntimeCore, openQuicStreamIo, type QuicStreamIo } from "./quic_stream_io.ts";

/** For both ends. `low-latency` is BBR in Deno; the others are CUBIC, which collapses at 1 % loss. */
export const QUIC_LANE_TRANSPORT = {
  congestionControl: "low-latency",
  keepAliveInterval: 1_000,
  maxIdleTimeout: 6_000,
  maxConcurrentUnidirectionalStreams: 0,
} as const;
/** What each side lets the other open: the dialling side opens the lane's stream. */
export const LISTENING_MAX_STREAMS = 1;
export const DIALLING_MAX_STREAMS = 0;

const runtimeCore = findRuntimeCore();

export class QuicLane implements LaneConnection {
  readonly transport = "quic";
  readonly localAddress: string;
  readonly datagrams: LaneDatagrams;
  readonly #connection: Deno.QuicConn;
  readonly #io: QuicStreamIo;
  #isClosed = false;

  constructor(connection: Deno.QuicConn, stream: Deno.QuicBidirectionalStream) {
    this.#connection = connection;
    this.#io = openQuicStreamIo(stream, runtimeCore);
    this.localAddress = formatAddress(connection.endpoint.addr);
    this.datagrams = new QuicDatagrams(connection);
  }

  get remoteAddress(): string {
    return formatAddress(this.#connection.remoteAddr);
  }

  read(buffer: Uint8Array): Promise<number | null> {
    return this.#io.read(buffer);
  }

  write(bytes: Uint8Array): Promise<number> {
    return this.#io.write(bytes);
  }

  closeWrite(): Promise<void> {
    return this.#io.closeWrite();
  }

  close(): void {
    if (this.#isClosed) throw new Deno.errors.BadResource("lane is closed");
    this.#isClosed = true;
    this.#connection.close();
  }
}
