/**
 * Exchanges with model servers over HTTP/1.1, on connections that are kept for later ones.
 *
 * A connection carries one exchange at a time and always has a read pending: an idle one that the server closes, or on
 * which a stray byte comes, is dropped before it can be used again. An aborted exchange closes its connection, since
 * that is what an engine understands as "stop generating".
 */
import type { Clock } from "../../shared/clock/clock.ts";
import { RelayError } from "../../shared/errors/relay_error.ts";
import type { ExchangeHandler } from "../../shared/exchange/exchange.ts";
import { ConnectAttempt } from "./connect_attempt.ts";
import { OriginConnection } from "./origin_connection.ts";
import { OriginExchange } from "./origin_exchange.ts";

/** One model server of an origin. */
export interface OriginEndpoint {
  /** http or https; its path is put before each request's. */
  readonly url: URL;
  /** For logs and metrics. */
  readonly name: string;
}

export interface OriginClientOptions {
  /** TLS included. */
  readonly connectTimeoutMs: number;
  /** From the request until the first byte of the answer. */
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
}

interface Pool {
  readonly endpoint: OriginEndpoint;
  /** The last one used is used first, so that the others may time out. */
  readonly idle: OriginConnection[];
  /** Connections that are open, and attempts under way. */
  readonly open: Set<OriginConnection | ConnectAttempt>;
}

export class OriginClient {
  readonly #options: OriginClientOptions;
  readonly #clock: Clock;
  /** By endpoint: bounded by the configured ones. */
  readonly #pools = new Map<OriginEndpoint, Pool>();
  #isClosed = false;

  constructor(options: OriginClientOptions, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
  }

  /** Connections open to all endpoints, idle ones and attempts included. */
  get openConnections(): number {
    let count = 0;
    for (const pool of this.#pools.values()) count += pool.open.size;
    return count;
  }

  /** The way to one endpoint. */
  exchange(endpoint: OriginEndpoint): ExchangeHandler {
    const pool: Pool = { endpoint, idle: [], open: new Set() };
    this.#pools.set(endpoint, pool);
    return (request, answer) => {
      const exchange = new OriginExchange({
        request: toEndpoint(request, endpoint.url),
        answer,
        reconnect: (again) => this.#connect(pool, again),
      });
      const idle = pool.idle.pop();
      if (idle === undefined) this.#connect(pool, exchange);
      else idle.begin(exchange);
      return exchange;
    };
  }

  /** Closes every connection; exchanges that are under way are aborted by their own side before. */
  close(): Promise<void> {
    this.#isClosed = true;
    for (const pool of this.#pools.values()) {
      for (const open of pool.open) open.close();
      pool.open.clear();
    }
    return Promise.resolve();
  }

  #connect(pool: Pool, exchange: OriginExchange): void {
    if (this.#isClosed || pool.open.size >= this.#options.maxConnections) {
      const message = `No more connections to ${pool.endpoint.name} are allowed.`;
      const error = new RelayError("overloaded", { source: "origin", retry: "other_endpoint", message });
      queueMicrotask(() => exchange.failed(error));
      return;
    }
    const attempt = new ConnectAttempt(pool.endpoint.url, this.#options, this.#clock);
    pool.open.add(attempt);
    exchange.waitFor(attempt);
    attempt.result.then((result) => {
      pool.open.delete(attempt);
      if (result instanceof RelayError) return exchange.failed(result);
      const connection = this.#adopt(pool, result);
      if (exchange.isOver || this.#isClosed) connection.close();
      else connection.begin(exchange);
    });
  }

  #adopt(pool: Pool, socket: Deno.Conn): OriginConnection {
    const connection = new OriginConnection(socket, {
      clock: this.#clock,
      headTimeoutMs: this.#options.headTimeoutMs,
      idleTimeoutMs: this.#options.idleTimeoutMs,
      keepTimeoutMs: this.#options.idleConnectionTimeoutMs,
      onIdle: () => {
        if (pool.idle.length < this.#options.maxIdleConnections) pool.idle.push(connection);
        else connection.close();
      },
      onClosed: () => {
        pool.open.delete(connection);
        const index = pool.idle.indexOf(connection);
        if (index >= 0) pool.idle.splice(index, 1);
      },
    });
    pool.open.add(connection);
    return connection;
  }
}

function toEndpoint(
  request: Parameters<ExchangeHandler>[0],
  url: URL,
): Parameters<ExchangeHandler>[0] {
  const prefix = url.pathname.endsWith("/") ? url.pathname.slice(0, -1) : url.pathname;
  const path = request.path === "*" ? "*" : prefix + request.path;
  return { ...request, scheme: url.protocol === "https:" ? "https" : "http", authority: url.host, path };
}
