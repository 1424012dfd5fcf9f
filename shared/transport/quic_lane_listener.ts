/**
 * Accepts QUIC lanes.
 *
 * Over the rate limit a first packet is ignored, not refused: an honest edge sends it again a second later, a flood
 * with forged addresses gets no answer. The peer's address cannot be asked before accepting (the getter breaks the
 * incoming connection), so the connection is taken at once (the 0.5-RTT state of RFC 9001 §4.1.2), which also gives
 * a handle to end a handshake that dawdles; a lane counts only when the handshake is done.
 */
import { formatAddress } from "../config/address.ts";
import {
  LANE_ALPN,
  type LaneCertificate,
  type LaneConnection,
  type LaneListener,
  type LaneListenerCounters,
} from "./lane_connection.ts";
import { LaneReception } from "./lane_reception.ts";
import type { ListenEndpoint } from "./listen_endpoint.ts";
import { LISTENING_MAX_STREAMS, QUIC_LANE_TRANSPORT, QuicLane } from "./quic_lane.ts";

export class QuicLaneListener implements LaneListener {
  readonly transport = "quic";
  readonly warning = null;
  readonly localAddress: string;
  readonly #endpoint: Deno.QuicEndpoint;
  /** One for each certificate so far: a listener that is garbage-collected silences its whole endpoint. */
  readonly #listeners: Deno.QuicListener[] = [];
  readonly #connections = new Set<Deno.QuicConn>();
  readonly #reception: LaneReception;
  #isClosed = false;

  constructor({ address, certificate, limits, clock }: ListenEndpoint) {
    this.#endpoint = new Deno.QuicEndpoint({ hostname: address.hostname, port: address.port });
    this.localAddress = formatAddress(this.#endpoint.addr);
    this.#reception = new LaneReception(limits, clock);
    try {
      void this.#run(this.#listen(certificate));
    } catch (error) {
      this.#endpoint.close();
      throw error;
    }
  }

  get counters(): Readonly<LaneListenerCounters> {
    return this.#reception.counters;
  }

  accept(): Promise<LaneConnection | null> {
    return this.#reception.accept();
  }

  // deno-lint-ignore require-await -- a bad certificate is to reject, as with the other transport
  async replaceCertificate(certificate: LaneCertificate): Promise<void> {
    this.#listen(certificate);
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#reception.close();
    this.#closeWhenEmpty();
  }

  #listen(certificate: LaneCertificate): Deno.QuicListener {
    const listener = this.#endpoint.listen({
      cert: certificate.certPem,
      key: certificate.keyPem,
      alpnProtocols: [LANE_ALPN],
      maxConcurrentBidirectionalStreams: LISTENING_MAX_STREAMS,
      ...QUIC_LANE_TRANSPORT,
    });
    this.#listeners.push(listener);
    return listener;
  }

  /** All listeners of an endpoint share one queue, so the first one serves for every certificate. */
  async #run(listener: Deno.QuicListener): Promise<void> {
    for (;;) {
      let incoming: Deno.QuicIncoming;
      try {
        incoming = await listener.incoming();
      } catch (error) {
        if (this.#isClosed) return;
        throw error;
      }
      this.#meet(incoming);
    }
  }

  #meet(incoming: Deno.QuicIncoming): void {
    if (this.#isClosed) return incoming.refuse();
    if (!this.#reception.admit()) return incoming.ignore();
    let connection: Deno.QuicConn;
    try {
      connection = incoming.accept({ zeroRtt: true });
    } catch (_error) {
      // Broken first packet, or none of our protocols: the runtime has answered it.
      this.#reception.giveUp();
      return;
    }
    this.#connections.add(connection);
    const left = () => {
      this.#connections.delete(connection);
      this.#closeWhenEmpty();
    };
    connection.closed.then(left, left);
    this.#reception.receive({
      ip: connection.remoteAddr.hostname,
      ready: firstStream(connection),
      abandon: () => connection.close(),
    });
  }

  /** Closing the endpoint would end its lanes. */
  #closeWhenEmpty(): void {
    if (this.#isClosed && this.#connections.size === 0) this.#endpoint.close();
  }
}

async function firstStream(connection: Deno.QuicConn): Promise<LaneConnection> {
  const { value, done } = await connection.incomingBidirectionalStreams.getReader().read();
  if (done) throw new Error("the peer closed without opening its stream");
  await connection.handshake;
  return new QuicLane(connection, value);
}
