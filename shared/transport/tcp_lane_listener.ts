/**
 * Accepts lanes over TCP. Outlives peers that break the handshake, and an operating system that is out of descriptors.
 *
 * An accepted connection begins its TLS handshake by itself and cannot be kept from it, so admission comes first: over
 * the limits nothing is accepted, and connections wait in the kernel's queue, which is bounded.
 */
import type { Clock } from "../clock/clock.ts";
import { formatAddress } from "../config/address.ts";
import type {
  LaneCertificate,
  LaneConnection,
  LaneListener,
  LaneListenerCounters,
  LaneTransport,
} from "./lane_connection.ts";
import { HandshakeReaper } from "./handshake_reaper.ts";
import { LaneReception } from "./lane_reception.ts";
import type { ListenEndpoint } from "./listen_endpoint.ts";
import { listenWithSocketOptions } from "./socket_options.ts";

/** Pause when nothing may be accepted or an accept failed: until there may be a place or a descriptor again. */
const ACCEPT_PAUSE_MS = 20;
/** Turns of the event loop in which the old listener may still hold the port. */
const MAX_REBINDS = 100;

/** What the transports over TLS differ in. */
export interface TcpLaneProtocol {
  readonly transport: Exclude<LaneTransport, "quic">;
  /** What TLS offers (RFC 7301). */
  readonly alpnProtocol: string;
  /**
   * Makes a lane of a connection whose TLS handshake is done and chose `alpnProtocol`; rejects for a peer of another
   * kind. The connection is closed for it then, and when its time is over.
   */
  open(connection: Deno.TlsConn, alpnProtocol: string | null): Promise<LaneConnection>;
}

export class TcpLaneListener implements LaneListener {
  readonly #protocol: TcpLaneProtocol;
  readonly #hostname: string;
  readonly #port: number;
  readonly #clock: Clock;
  readonly #reception: LaneReception;
  readonly #reaper: HandshakeReaper;
  #warning: string | null = null;
  /** Null while no certificate is in place: when closed, and for a moment in {@linkcode replaceCertificate}. */
  #listener: Deno.TlsListener | null = null;
  #isClosed = false;

  constructor({ address, certificate, limits, clock }: ListenEndpoint, protocol: TcpLaneProtocol) {
    this.#protocol = protocol;
    this.#hostname = address.hostname;
    this.#clock = clock;
    this.#reception = new LaneReception(limits, clock);
    this.#reaper = new HandshakeReaper(clock);
    this.#port = this.#listen(certificate, address.port).addr.port;
  }

  get transport(): LaneTransport {
    return this.#protocol.transport;
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
    this.#listenTls("127.0.0.1", 0, certificate).close();
    this.#listener?.close();
    this.#listener = null;
    for (let attempt = 1; !this.#isClosed; attempt++) {
      try {
        this.#listen(certificate, this.#port);
        return;
      } catch (error) {
        if (!(error instanceof Deno.errors.AddrInUse) || attempt === MAX_REBINDS) throw error;
        await this.#pause(1);
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
    const { listener, socketOptions } = listenWithSocketOptions(
      () => this.#listenTls(this.#hostname, port, certificate),
    );
    this.#warning = socketOptions.kind === "unavailable"
      ? `lanes on port ${listener.addr.port} run with Nagle's algorithm, and silent peers keep descriptors: ${socketOptions.reason}`
      : null;
    this.#listener = listener;
    void this.#run(listener);
    return listener;
  }

  async #run(listener: Deno.TlsListener): Promise<void> {
    let isAdmitted = false;
    while (this.#listener === listener) {
      isAdmitted ||= this.#reception.admit();
      if (!isAdmitted) {
        await this.#pause(ACCEPT_PAUSE_MS);
        continue;
      }
      try {
        this.#meet(await listener.accept());
        isAdmitted = false;
      } catch (error) {
        if (this.#listener !== listener) break;
        this.#reception.counters.acceptErrors++;
        if (error instanceof Deno.errors.ConnectionAborted || error instanceof Deno.errors.ConnectionReset) {
          continue;
        }
        await this.#pause(ACCEPT_PAUSE_MS);
      }
    }
    if (isAdmitted) this.#reception.giveBack();
  }

  #meet(connection: Deno.TlsConn): void {
    let isDone = false;
    const finish = async () => {
      const { alpnProtocol } = await connection.handshake().finally(() => isDone = true);
      return await this.#protocol.open(connection, alpnProtocol);
    };
    const abandon = () => isDone ? connection.close() : this.#reaper.abandon(connection);
    this.#reception.receive({ ip: connection.remoteAddr.hostname, ready: finish(), abandon });
  }

  #listenTls(hostname: string, port: number, { certPem, keyPem }: LaneCertificate): Deno.TlsListener {
    const alpnProtocols = [this.#protocol.alpnProtocol];
    return Deno.listenTls({ hostname, port, cert: certPem, key: keyPem, alpnProtocols });
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => void this.#clock.after(ms, resolve));
  }
}
