/**
 * Exchanges with model servers over HTTP/1.1, on connections that are kept for later ones.
 *
 * A connection carries one exchange at a time. An aborted exchange closes its connection at once, since that is what an
 * engine understands as "stop generating".
 */
import { assert } from "../../shared/assert/assert.ts";
import type { Clock } from "../../shared/clock/clock.ts";
import type { ExchangeHandler, RequestHead } from "../../shared/exchange/exchange.ts";
import { EndpointPool, type EndpointPoolOptions } from "./endpoint_pool.ts";
import { OriginExchange } from "./origin_exchange.ts";

/** One model server of an origin. */
export interface OriginEndpoint {
  /** http or https; its path is put before each request's. */
  readonly url: URL;
  /** For logs and metrics. */
  readonly name: string;
}

/** How the connections to each endpoint are made and kept. */
export type OriginClientOptions = EndpointPoolOptions;

export class OriginClient {
  readonly #options: OriginClientOptions;
  readonly #clock: Clock;
  /** By scheme, name and port: bounded by the configured endpoints. */
  readonly #pools = new Map<string, EndpointPool>();
  #isClosed = false;

  constructor(options: OriginClientOptions, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
  }

  /** Connections open to all endpoints, idle ones and attempts included. */
  get openConnections(): number {
    let count = 0;
    for (const pool of this.#pools.values()) count += pool.openConnections;
    return count;
  }

  /**
   * The way to one endpoint. Its exchanges are aborted with `origin_unreachable` (`other_endpoint`: nothing was sent),
   * `origin_timeout`, `origin_cut`, `origin_protocol`, `overloaded` or, once closed, `draining`.
   */
  exchange(endpoint: OriginEndpoint): ExchangeHandler {
    const pool = this.#poolOf(endpoint.url);
    const target = targetOf(endpoint.url);
    return (request, answer) => {
      const exchange = new OriginExchange(toTarget(request, target), {
        answer,
        beginAgain: (again) => pool.beginAfresh(again),
      });
      pool.begin(exchange);
      return exchange;
    };
  }

  /** Closes every connection; exchanges under way are aborted. Resolves when nothing is held any more. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all([...this.#pools.values()].map((pool) => pool.close()));
  }

  #poolOf(url: URL): EndpointPool {
    assert(!this.#isClosed, "endpoint of a closed client");
    const known = this.#pools.get(url.origin);
    if (known !== undefined) return known;
    const pool = new EndpointPool(url, this.#options, this.#clock);
    this.#pools.set(url.origin, pool);
    return pool;
  }
}

/** What an endpoint's URL makes of a request's head. */
interface Target {
  readonly scheme: "http" | "https";
  readonly authority: string;
  /** Without a slash at its end. */
  readonly pathPrefix: string;
}

function targetOf({ protocol, host, pathname }: URL): Target {
  return {
    scheme: protocol === "https:" ? "https" : "http",
    authority: host,
    pathPrefix: pathname.replace(/\/+$/, ""),
  };
}

function toTarget(request: RequestHead, { scheme, authority, pathPrefix }: Target): RequestHead {
  const path = request.path === "*" ? "*" : pathPrefix + request.path;
  return { ...request, scheme, authority, path };
}
