/**
 * A listener: accepts connections on one address, negotiates TLS and protocol, and serves each with its driver.
 *
 * Every stage is bounded: connections in all and by address, the time until a protocol is agreed on, the grace of a
 * drain. Certificates change by opening a second socket on the same port and closing the first once nothing is queued on
 * it, since Deno cannot change those of an open one; live connections stay.
 */
import { assert } from "../assert/assert.ts";
import { SYSTEM_CLOCK } from "../clock/clock.ts";
import { type Address, formatAddress, parseAddress } from "../config/address.ts";
import { describeError, type Logger } from "../observe/logger.ts";
import { HandshakeReaper } from "../transport/handshake_reaper.ts";
import { steerToNewest, stopSteering } from "../transport/reuseport_steering.ts";
import { listenWithSocketOptions } from "../transport/socket_options.ts";
import { Acceptor } from "./acceptor.ts";
import {
  CertificateError,
  type CertificateFiles,
  loadCertificates,
  type LoadedCertificate,
} from "./certificate_store.ts";
import { canonicalAddress } from "./client_address.ts";
import { closeConnection } from "./close_connection.ts";
import { type AdmissionLimits, ConnectionAdmission } from "./connection_admission.ts";
import { ListenerCounters } from "./listener_counters.ts";
import { assertPortIsFree, ListenError, openPlain, openTls } from "./open_listener.ts";
import { serveHttp1 } from "./serve_http1.ts";
import { serveHttp2 } from "./serve_http2.ts";
import type { ServeOptions } from "./serve_options.ts";
import { type SniffedConnection, sniffHttp2 } from "./sniff_http2.ts";

export interface ListenerTls {
  /** The first serves clients that ask for no name or for an unknown one. */
  readonly certificates: readonly CertificateFiles[];
}

export interface ListenOptions extends AdmissionLimits {
  /** `host:port`; port 0 takes a free one. */
  readonly address: string;
  /** null: plain HTTP/1.1, and HTTP/2 with prior knowledge. */
  readonly tls: ListenerTls | null;
  /** From accept until TLS and protocol are agreed on. @default 10_000 */
  readonly handshakeTimeoutMs?: number;
  /**
   * With several certificates, Deno keeps each name that clients ask for, for as long as a socket lives: after so many
   * the socket is replaced. @default 10_000
   */
  readonly maxResolvedNames?: number;
  /** Lets other processes listen on the same address. @default false */
  readonly isPortShared?: boolean;
  readonly serve: Omit<ServeOptions, "scheme" | "clientAddress" | "observer" | "signal">;
  readonly log: Logger;
  /** Called for each connection that ends, with its age. */
  connectionEnded?(durationMs: number): void;
}

export type ReloadResult =
  | { kind: "reloaded"; certificates: readonly LoadedCertificate[] }
  | { kind: "unchanged" }
  /** The old certificates stay in use. */
  | { kind: "failed"; error: CertificateError | ListenError };

export interface DrainResult {
  /** Connections that were still open when the grace ended, and were closed. */
  forcedConnections: number;
}

/** Handshakes that the old socket has begun when a new one takes over are complete by then. */
const HANDED_OVER_AFTER_MS = 1000;
/** After a forced close, how long drivers have to notice. */
const FORCED_END_TIMEOUT_MS = 1000;

type HttpConnection = Deno.TcpConn | Deno.TlsConn;

/**
 * Begins to listen.
 * @throws {ListenError} if the address cannot be listened on; names who holds it where the system tells
 * @throws {CertificateError} if a certificate or key cannot be used; names the file
 */
export async function listen(options: ListenOptions): Promise<Listener> {
  const address = parseAddress(options.address, { minPort: 0 });
  if ("wrong" in address) throw new ListenError(`${JSON.stringify(options.address)} ${address.wrong}`);
  const certificates = options.tls === null ? [] : await loadCertificates(options.tls.certificates);
  if (options.isPortShared !== true) assertPortIsFree(address);
  return new Listener(options, { address, certificates });
}

export class Listener {
  readonly counters = new ListenerCounters();
  readonly #options: ListenOptions;
  readonly #admission: ConnectionAdmission;
  readonly #reaper = new HandshakeReaper(SYSTEM_CLOCK);
  /** Whether sockets can be ended from outside; without, the TLS clients that are late keep their places. */
  #canReap = false;
  readonly #drain = new AbortController();
  /** Every open connection; true once its protocol driver has it. */
  readonly #connections = new Map<HttpConnection, boolean>();
  #address: Address;
  #certificates: readonly LoadedCertificate[];
  #acceptor: Acceptor<HttpConnection>;
  #resolvedNames = 0;
  #lastReload: Promise<unknown> = Promise.resolve();
  #drained: Promise<DrainResult> | null = null;
  #allGone: (() => void) | null = null;

  /** Use {@linkcode listen}. */
  constructor(
    options: ListenOptions,
    start: { address: Address; certificates: readonly LoadedCertificate[] },
  ) {
    this.#options = options;
    this.#admission = new ConnectionAdmission(options);
    this.#address = start.address;
    this.#certificates = start.certificates;
    this.#acceptor = this.#open(start.certificates);
    this.#address = { ...start.address, port: this.#acceptor.address.port };
    options.log.info("listening", { address: this.address, tls: options.tls !== null });
  }

  /** `host:port` as given, with the port in use. */
  get address(): string {
    return formatAddress(this.#address);
  }

  get port(): number {
    return this.#address.port;
  }

  get openConnections(): number {
    return this.#connections.size;
  }

  get certificates(): readonly LoadedCertificate[] {
    return this.#certificates;
  }

  /** Reads the certificate files again and serves new connections with what they hold now; live ones go on. */
  reloadCertificates(): Promise<ReloadResult> {
    const reload = this.#lastReload.then(() => this.#reload());
    this.#lastReload = reload;
    return reload;
  }

  /**
   * Stops accepting, lets open exchanges finish, closes what is left after `graceMs`. Resolves when no connection is
   * left; a second call gives the result of the first.
   */
  drain(options: { graceMs: number }): Promise<DrainResult> {
    this.#drained ??= this.#runDrain(options.graceMs);
    return this.#drained;
  }

  async #reload(): Promise<ReloadResult> {
    const { tls, log } = this.#options;
    if (tls === null || this.#drained !== null) return { kind: "unchanged" };
    try {
      const certificates = await loadCertificates(tls.certificates);
      if (certificates.every((one, i) => isSame(one, this.#certificates[i]))) return { kind: "unchanged" };
      await this.#reopen(certificates);
      log.info("certificates_reloaded", {
        address: this.address,
        names: certificates.flatMap((one) => one.names),
      });
      return { kind: "reloaded", certificates };
    } catch (error) {
      if (!(error instanceof CertificateError || error instanceof ListenError)) throw error;
      log.error("certificates_not_reloaded", { address: this.address, error: describeError(error) });
      return { kind: "failed", error };
    }
  }

  async #reopen(certificates: readonly LoadedCertificate[]): Promise<void> {
    const old = this.#acceptor;
    this.#acceptor = this.#open(certificates);
    this.#certificates = certificates;
    const isSteered = steerToNewest(this.port);
    if (isSteered) await new Promise((resolve) => setTimeout(resolve, HANDED_OVER_AFTER_MS));
    await old.close();
    if (isSteered) stopSteering(this.port);
  }

  #open(certificates: readonly LoadedCertificate[]): Acceptor<HttpConnection> {
    const { tls, log } = this.#options;
    this.#resolvedNames = 0;
    const { listener, socketOptions } = listenWithSocketOptions<Deno.Listener<HttpConnection>>(() =>
      tls === null
        ? openPlain(this.#address)
        : openTls(this.#address, { certificates, nameResolved: () => this.#nameResolved() })
    );
    this.#canReap = socketOptions.kind === "set";
    if (socketOptions.kind === "unavailable") {
      log.warn("socket_options_not_set", {
        address: this.address,
        reason: socketOptions.reason,
        effect: tls === null
          ? "no keep-alive"
          : "no keep-alive; small writes wait for a round trip (Nagle); silent clients keep their places",
      });
    }
    return new Acceptor<HttpConnection>(listener, {
      onConnection: (connection) => void this.#connectionOpened(connection),
      counters: this.counters,
      log,
    });
  }

  #nameResolved(): void {
    if (++this.#resolvedNames !== (this.#options.maxResolvedNames ?? 10_000)) return;
    this.#lastReload = this.#lastReload.then(async () => {
      try {
        if (this.#drained !== null) return;
        await this.#reopen(this.#certificates);
        this.#options.log.info("listener_reopened", {
          address: this.address,
          reason: "too many server names",
        });
      } catch (error) {
        this.#options.log.error("listener_not_reopened", {
          address: this.address,
          error: describeError(error),
        });
      }
    });
  }

  async #connectionOpened(connection: HttpConnection): Promise<void> {
    const clientAddress = canonicalAddress((connection.remoteAddr as Deno.NetAddr).hostname);
    this.counters.acceptedConnections++;
    const refusal = this.#admission.admit(clientAddress);
    if (refusal !== null) {
      this.counters.refusedConnections[refusal]++;
      this.counters.closedConnections++;
      closeConnection(connection);
      return;
    }
    if (!("handshake" in connection)) connection.setNoDelay();
    const openedAt = performance.now();
    this.#connections.set(connection, false);
    try {
      await this.#serve(connection, clientAddress);
    } catch (error) {
      this.#options.log.error("connection_failed", { clientAddress, error: describeError(error) });
    } finally {
      closeConnection(connection);
      this.#connections.delete(connection);
      this.#admission.release(clientAddress);
      this.counters.closedConnections++;
      this.#options.connectionEnded?.(performance.now() - openedAt);
      this.#acceptor.descriptorFreed();
      if (this.#connections.size === 0) this.#allGone?.();
    }
  }

  async #serve(connection: HttpConnection, clientAddress: string): Promise<void> {
    const negotiated = await this.#negotiate(connection);
    if (negotiated === null) return;
    this.#connections.set(connection, true);
    this.counters.connectionsByProtocol[negotiated.protocol]++;
    const options: ServeOptions = {
      ...this.#options.serve,
      scheme: this.#options.tls === null ? "http" : "https",
      clientAddress,
      observer: this.counters,
      signal: this.#drain.signal,
    };
    await (negotiated.protocol === "h2" ? serveHttp2 : serveHttp1)(negotiated.connection, options);
  }

  /** Agrees on TLS and protocol within the time-out; null if the client did not, or a drain came before. */
  async #negotiate(connection: HttpConnection): Promise<SniffedConnection | null> {
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      this.counters.handshakeTimeouts++;
      this.#giveUp(connection);
    }, this.#options.handshakeTimeoutMs ?? 10_000);
    try {
      const negotiated = "handshake" in connection
        ? await negotiateTls(connection)
        : await sniffHttp2(connection);
      return isLate ? null : negotiated;
    } catch (error) {
      if (!isLate && !this.#drain.signal.aborted && "handshake" in connection) this.counters.tlsFailures++;
      this.#options.log.debug("handshake_failed", { isLate, error: describeError(error) });
      return null;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Ends a connection on which no protocol was agreed. */
  #giveUp(connection: HttpConnection): void {
    if (!("handshake" in connection)) return closeConnection(connection);
    // Closing alone would give back the place and not the socket: one more would be admitted for each that is late.
    if (this.#canReap) this.#reaper.abandon(connection);
  }

  async #runDrain(graceMs: number): Promise<DrainResult> {
    await this.#lastReload;
    await this.#acceptor.close();
    this.#drain.abort();
    for (const [connection, isServed] of this.#connections) {
      if (!isServed) this.#giveUp(connection);
    }
    await this.#untilAllGone(graceMs);
    const forcedConnections = this.#connections.size;
    if (forcedConnections > 0) {
      this.counters.forcedCloses += forcedConnections;
      for (const connection of this.#connections.keys()) closeConnection(connection);
      await this.#untilAllGone(FORCED_END_TIMEOUT_MS);
    }
    this.#options.log.info("listener_drained", { address: this.address, forcedConnections });
    return { forcedConnections };
  }

  async #untilAllGone(limitMs: number): Promise<void> {
    if (this.#connections.size === 0) return;
    assert(this.#allGone === null, "two waits for the last connection");
    let timer: ReturnType<typeof setTimeout> | undefined;
    await new Promise<void>((resolve) => {
      this.#allGone = resolve;
      timer = setTimeout(resolve, limitMs);
    });
    clearTimeout(timer);
    this.#allGone = null;
  }
}

async function negotiateTls(connection: Deno.TlsConn): Promise<SniffedConnection> {
  const { alpnProtocol } = await connection.handshake();
  return { protocol: alpnProtocol === "h2" ? "h2" : "http1", connection };
}

function isSame(one: LoadedCertificate, other: LoadedCertificate | undefined): boolean {
  return one.certificatePem === other?.certificatePem && one.keyPem === other.keyPem;
}
