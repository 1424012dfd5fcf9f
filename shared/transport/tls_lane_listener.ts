/** Accepts TLS lanes. Outlives peers that break the handshake, and an operating system that is out of descriptors. */
import type { Clock } from "../clock/clock.ts";
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
import { setListenerSocketOptions } from "./socket_options.ts";
import { TlsLane } from "./tls_lane.ts";

/** Pause after a failed accept: at least until a descriptor may be free again. */
const ACCEPT_PAUSE_MS = 20;
/** Turns of the event loop in which the old listener may still hold the port. */
const MAX_REBINDS = 100;

export class TlsLaneListener implements LaneListener {
  readonly transport = "tls";
  readonly #hostname: string;
  readonly #port: number;
  readonly #clock: Clock;
  readonly #reception: LaneReception;
  #warning: string | null = null;
  /** Null while no certificate is in place: when closed, and for a moment in {@linkcode replaceCertificate}. */
  #listener: Deno.TlsListener | null = null;
  #isClosed = false;

  constructor({ address, certificate, limits, clock }: ListenEndpoint) {
    this.#hostname = address.hostname;
    this.#clock = clock;
    this.#reception = new LaneReception(limits, clock);
    this.#port = this.#listen(certificate, address.port).addr.port;
  }

  get localAddress(): string {
    return formatAddress({ hostname: this.#hostname, port: this.#port });
  }

  get warning(): string | null {
    return this.#warning;
  }

  get counters(): Readonly<LaneListenerCounters> {
    return this.#reception.counters;
  }

  accept(): Promise<LaneConnection | null> {
    return this.#reception.accept();
  }

  async replaceCertificate(certificate: LaneCertificate): Promise<void> {
    listenTls("127.0.0.1", 0, certificate).close();
    this.#listener?.close();
    this.#listener = null;
    for (let attempt = 1; !this.#isClosed; attempt++) {
      try {
        this.#listen(certificate, this.#port);
        return;
      } catch (error) {
        if (!(error instanceof Deno.errors.AddrInUse) || attempt === MAX_REBINDS) throw error;
        await new Promise<void>((resolve) => void this.#clock.after(1, resolve));
      }
    }
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#listener?.close();
    this.#listener = null;
    this.#reception.close();
  }

  #listen(certificate: LaneCertificate, port: number): Deno.TlsListener {
    const listener = listenTls(this.#hostname, port, certificate);
    const result = setListenerSocketOptions(listener);
    this.#warning = result.kind === "unavailable"
      ? `TCP_NODELAY is off for lanes accepted on port ${listener.addr.port}: ${result.reason}`
      : null;
    this.#listener = listener;
    void this.#run(listener);
    return listener;
  }

  async #run(listener: Deno.TlsListener): Promise<void> {
    while (this.#listener === listener) {
      let connection: Deno.TlsConn;
      try {
        connection = await listener.accept();
      } catch (error) {
        if (this.#listener !== listener) return;
        this.#reception.counters.acceptErrors++;
        if (error instanceof Deno.errors.ConnectionAborted || error instanceof Deno.errors.ConnectionReset) {
          continue;
        }
        await new Promise<void>((resolve) => void this.#clock.after(ACCEPT_PAUSE_MS, resolve));
        continue;
      }
      this.#meet(connection);
    }
  }

  #meet(connection: Deno.TlsConn): void {
    if (!this.#reception.admit()) return connection.close();
    this.#reception.receive({
      ip: connection.remoteAddr.hostname,
      ready: handshake(connection),
      abandon: () => connection.close(),
    });
  }
}

function listenTls(hostname: string, port: number, certificate: LaneCertificate): Deno.TlsListener {
  const { certPem, keyPem } = certificate;
  return Deno.listenTls({ hostname, port, cert: certPem, key: keyPem, alpnProtocols: [LANE_ALPN] });
}

async function handshake(connection: Deno.TlsConn): Promise<LaneConnection> {
  const { alpnProtocol } = await connection.handshake();
  if (alpnProtocol !== LANE_ALPN) throw new Error("the peer offers no protocol of ours");
  return new TlsLane(connection);
}
