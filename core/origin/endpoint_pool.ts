/**
 * The connections to one endpoint: kept ones, used ones, and those that are being made.
 *
 * The last connection that was given back is used first, so that the others may time out.
 */
import type { Clock } from "../../shared/clock/clock.ts";
import { RelayError } from "../../shared/errors/relay_error.ts";
import { ConnectAttempt } from "./connect_attempt.ts";
import { OriginConnection } from "./origin_connection.ts";
import type { OriginExchange } from "./origin_exchange.ts";

export interface EndpointPoolOptions {
  /** TLS included. */
  readonly connectTimeoutMs: number;
  /** From the last byte of the request until the first of the answer. */
  readonly headTimeoutMs: number;
  /** Between two bytes of an answer. */
  readonly idleTimeoutMs: number;
  /** Kept for each endpoint. */
  readonly maxIdleConnections: number;
  readonly idleConnectionTimeoutMs: number;
  /** Open at once for each endpoint. */
  readonly maxConnections: number;
  /** PEM; trusted besides the public authorities. */
  readonly caCertificates: readonly string[];
  /** Told of each read from an endpoint, for event moderation. */
  onRead?(bytes: number): void;
}

export class EndpointPool {
  readonly #url: URL;
  readonly #options: EndpointPoolOptions;
  readonly #clock: Clock;
  readonly #idle: OriginConnection[] = [];
  readonly #open = new Set<OriginConnection>();
  /** Open ones, and closed ones that still hold a buffer for a moment. */
  readonly #unfinished = new Set<OriginConnection>();
  readonly #attempts = new Map<ConnectAttempt, OriginExchange>();
  #isClosed = false;

  constructor(url: URL, options: EndpointPoolOptions, clock: Clock) {
    this.#url = url;
    this.#options = options;
    this.#clock = clock;
  }

  /** Open connections, idle ones and attempts included. */
  get openConnections(): number {
    return this.#open.size + this.#attempts.size;
  }

  /** Begins an exchange on a kept connection, or else on a fresh one. Fails it only after having returned. */
  begin(exchange: OriginExchange): void {
    const idle = this.#idle.pop();
    if (idle === undefined) this.beginAfresh(exchange);
    else this.#beginOn(idle, exchange);
  }

  /** Begins an exchange on a fresh connection. Fails it only after having returned. */
  beginAfresh(exchange: OriginExchange): void {
    const refusal = this.#refusal();
    if (refusal !== null) return queueMicrotask(() => exchange.fail(refusal));
    const { connectTimeoutMs, caCertificates } = this.#options;
    const attempt = new ConnectAttempt(this.#url, { clock: this.#clock, connectTimeoutMs, caCertificates });
    this.#attempts.set(attempt, exchange);
    exchange.waitFor(attempt);
    void attempt.done.then(() => this.#attempts.delete(attempt));
    void attempt.result.then((result) => {
      if (result instanceof RelayError) return exchange.fail(result);
      const connection = this.#adopt(result);
      if (exchange.isOver) connection.close();
      else this.#beginOn(connection, exchange);
    });
  }

  /** Closes every connection and fails the exchanges on them; resolves when nothing is held any more. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const error = drainingError();
    for (const exchange of this.#attempts.values()) exchange.fail(error);
    for (const connection of [...this.#open]) connection.close(error);
    await Promise.all([...this.#attempts.keys()].map((attempt) => attempt.done));
    await Promise.all([...this.#unfinished].map((connection) => connection.done));
  }

  #refusal(): RelayError | null {
    if (this.#isClosed) return drainingError();
    if (this.openConnections < this.#options.maxConnections) return null;
    const message = `The origin's endpoint ${this.#url.host} has no connection left.`;
    return new RelayError("overloaded", {
      source: "origin",
      retry: "other_endpoint",
      retryAfterSeconds: 1,
      message,
    });
  }

  #beginOn(connection: OriginConnection, exchange: OriginExchange): void {
    try {
      connection.begin(exchange);
    } catch (cause) {
      const error = new RelayError("internal_error", { source: "internal", cause });
      queueMicrotask(() => exchange.fail(error));
    }
  }

  #adopt(socket: Deno.Conn): OriginConnection {
    const { headTimeoutMs, idleTimeoutMs, idleConnectionTimeoutMs, maxIdleConnections } = this.#options;
    const connection = new OriginConnection(socket, {
      clock: this.#clock,
      headTimeoutMs,
      idleTimeoutMs,
      keepTimeoutMs: idleConnectionTimeoutMs,
      onRead: (bytes) => this.#options.onRead?.(bytes),
      onIdle: () => {
        if (this.#idle.length < maxIdleConnections) this.#idle.push(connection);
        else connection.close();
      },
      onClosed: () => {
        this.#open.delete(connection);
        const index = this.#idle.indexOf(connection);
        if (index >= 0) this.#idle.splice(index, 1);
      },
    });
    this.#open.add(connection);
    this.#unfinished.add(connection);
    void connection.done.then(() => this.#unfinished.delete(connection));
    return connection;
  }
}

function drainingError(): RelayError {
  return new RelayError("draining", { source: "internal" });
}
