import type { Clock } from "../../shared/clock/clock.ts";
import { SYSTEM_CLOCK } from "../../shared/clock/clock.ts";
import { RelayError } from "../../shared/errors/relay_error.ts";
import { closeConnection } from "../../shared/server/close_connection.ts";
import { HandshakeReaper } from "../../shared/transport/handshake_reaper.ts";

export interface ConnectAttemptOptions {
  readonly clock: Clock;
  /** TLS included. */
  readonly connectTimeoutMs: number;
  /** PEM; trusted besides the public authorities. */
  readonly caCertificates: readonly string[];
}

const reaper = new HandshakeReaper(SYSTEM_CLOCK);

/**
 * Connects to an endpoint, TLS included, within a time; may be given up at any moment.
 *
 * `connect` + `setNoDelay` + `startTls`, because a socket from `connectTls` has Nagle's algorithm on and no way to turn
 * it off. An attempt that is given up goes on until TCP has connected or its time is over, and is closed then:
 * `Deno.connect` loses the socket for good if its signal fires in the very turn in which it connects.
 */
export class ConnectAttempt {
  /** Never rejects: the error says that another endpoint may be tried. */
  readonly result: Promise<Deno.Conn | RelayError>;
  /** Resolves when the attempt holds nothing any more but its result; never rejects. */
  readonly done: Promise<void>;
  readonly #host: string;
  readonly #stopTimer: () => void;
  readonly #cancel = new AbortController();
  #handshaking: Deno.TlsConn | null = null;
  #isSettled = false;
  #resolve: (result: Deno.Conn | RelayError) => void = () => {};

  constructor(url: URL, options: ConnectAttemptOptions) {
    this.#host = url.host;
    this.result = new Promise((resolve) => this.#resolve = resolve);
    this.#stopTimer = options.clock.after(
      options.connectTimeoutMs,
      () => {
        this.#giveUp("did not accept a connection in time");
        this.#cancel.abort();
      },
    );
    this.done = this.#connect(url, options.caCertificates);
  }

  /** Gives up, unless there is a result. */
  close(): void {
    this.#giveUp("was not waited for");
  }

  async #connect(url: URL, caCertificates: readonly string[]): Promise<void> {
    const isTls = url.protocol === "https:";
    const hostname = url.hostname.replace(/^\[(.*)\]$/, "$1");
    const port = url.port === "" ? (isTls ? 443 : 80) : Number(url.port);
    let socket: Deno.TcpConn | Deno.TlsConn | null = null;
    try {
      const tcp = await Deno.connect({ hostname, port, signal: this.#cancel.signal });
      if (this.#isSettled) return closeConnection(tcp);
      socket = tcp;
      tcp.setNoDelay(true);
      if (!isTls) return this.#settle(tcp);
      const tls = await Deno.startTls(tcp, {
        hostname,
        caCerts: [...caCertificates],
        alpnProtocols: ["http/1.1"],
      });
      if (this.#isSettled) return reaper.abandon(tls);
      socket = this.#handshaking = tls;
      await tls.handshake();
      this.#settle(tls);
    } catch (cause) {
      if (socket !== null) closeConnection(socket);
      this.#settle(this.#unreachable("cannot be reached", cause));
    } finally {
      this.#stopTimer();
    }
  }

  #giveUp(reason: string): void {
    if (this.#isSettled) return;
    this.#settle(this.#unreachable(reason));
    if (this.#handshaking !== null) reaper.abandon(this.#handshaking);
  }

  #settle(result: Deno.Conn | RelayError): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    this.#resolve(result);
  }

  #unreachable(reason: string, cause?: unknown): RelayError {
    const message = `The origin's endpoint ${this.#host} ${reason}.`;
    return new RelayError("origin_unreachable", {
      source: "origin",
      retry: "other_endpoint",
      message,
      cause,
    });
  }
}
