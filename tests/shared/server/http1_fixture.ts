/** An HTTP/1.1 server on a loopback port, with the driver under test and a handler that the test speaks for. */
import { RelayError } from "../../../shared/errors/relay_error.ts";
import type { ExchangeHandler } from "../../../shared/exchange/exchange.ts";
import { DEFAULT_HTTP1_LIMITS } from "../../../shared/http1/http1_limits.ts";
import { DEFAULT_HTTP2_LIMITS } from "../../../shared/http2/http2_limits.ts";
import { serveHttp1 } from "../../../shared/server/serve_http1.ts";
import type { ConnectionObserver, ServeOptions } from "../../../shared/server/serve_options.ts";
import { LiveHandler } from "../../support/live_exchange.ts";
import { RawPeer } from "../../support/raw_peer.ts";
import { Watch } from "../../support/watch.ts";

export class Tally implements ConnectionObserver {
  started = 0;
  ended = 0;
  readonly refusals: RelayError[] = [];
  inBytes = 0;
  outBytes = 0;
  readonly #watch = new Watch();

  exchangeStarted(): void {
    this.started++;
  }

  exchangeEnded(): void {
    this.ended++;
    this.#watch.changed();
  }

  refused(error: RelayError): void {
    this.refusals.push(error);
  }

  bytesIn(bytes: number): void {
    this.inBytes += bytes;
  }

  bytesOut(bytes: number): void {
    this.outBytes += bytes;
    this.#watch.changed();
  }

  untilOut(): Promise<void> {
    return this.#watch.until(() => this.outBytes > 0, () => "nothing went out");
  }

  untilEnded(count: number): Promise<void> {
    return this.#watch.until(() => this.ended >= count, () => `${this.ended} of ${this.started} ended`);
  }
}

export class Http1Fixture {
  readonly live = new LiveHandler();
  readonly tally = new Tally();
  readonly drain = new AbortController();
  readonly port: number;
  readonly #listener: Deno.TcpListener;
  readonly #options: ServeOptions;
  readonly #served: Promise<void>[] = [];
  readonly #peers: RawPeer[] = [];
  #nextId = 0;

  constructor(options: Partial<ServeOptions> = {}) {
    this.#listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    this.port = this.#listener.addr.port;
    this.#options = {
      handler: this.live.handler,
      scheme: "http",
      clientAddress: "127.0.0.1",
      newRequestId: () => `req_${this.#nextId++}`,
      clock: () => performance.now(),
      http1: DEFAULT_HTTP1_LIMITS,
      http2: DEFAULT_HTTP2_LIMITS,
      observer: this.tally,
      stallTimeoutMs: 60_000,
      signal: this.drain.signal,
      ...options,
    };
    void this.#accept();
  }

  async connect(isReading = true): Promise<RawPeer> {
    const peer = await RawPeer.connect(this.port, isReading);
    this.#peers.push(peer);
    return peer;
  }

  /** Resolves when every connection so far has been served to its end. */
  async served(): Promise<void> {
    await Promise.all(this.#served);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    const error = new RelayError("draining", { source: "internal" });
    for (const request of this.live.requests) request.answer.abort(error);
    for (const peer of this.#peers) await peer.close();
    await this.served();
  }

  async #accept(): Promise<void> {
    for await (const connection of this.#listener) {
      connection.setNoDelay(true);
      this.#served.push(serveHttp1(connection, this.#options));
    }
  }
}

/** A handler that answers every request with its own body, as it comes. */
export const echo: ExchangeHandler = (request, answer) => {
  const { contentLength } = request;
  queueMicrotask(() => answer.head({ status: 200, fields: request.fields, contentLength }));
  return {
    body(bytes) {
      const copy = bytes.slice();
      queueMicrotask(() => answer.body(copy));
    },
    end: (trailers) => queueMicrotask(() => answer.end(trailers)),
    abort() {},
    answerConsumed: (bytes) => answer.requestConsumed(bytes),
  };
};
