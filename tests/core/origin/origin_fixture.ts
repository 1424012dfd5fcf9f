/** A model server of raw sockets on a loopback port, and a client under test that talks to it. */
import { type Clock, SYSTEM_CLOCK } from "../../../shared/clock/clock.ts";
import type { ExchangeHandler, RequestHead, RequestReceiver } from "../../../shared/exchange/exchange.ts";
import { OriginClient, type OriginClientOptions } from "../../../core/origin/origin_client.ts";
import { type Appetite, LiveAnswer } from "../../support/live_exchange.ts";
import { RawPeer } from "../../support/raw_peer.ts";
import { requestHead } from "../../support/recorded_exchange.ts";
import { Watch } from "../../support/watch.ts";

export const ORIGIN_OPTIONS: OriginClientOptions = {
  connectTimeoutMs: 3_000,
  headTimeoutMs: 60_000,
  idleTimeoutMs: 60_000,
  maxIdleConnections: 4,
  idleConnectionTimeoutMs: 30_000,
  maxConnections: 100,
  caCertificates: [],
};

export class OriginFixture {
  readonly client: OriginClient;
  readonly handler: ExchangeHandler;
  readonly port: number;
  readonly connections: RawPeer[] = [];
  /** Whether the server reads what comes, from the next connection on. */
  isReading = true;
  readonly #listener: Deno.TcpListener;
  readonly #watch = new Watch();

  constructor(
    options: Partial<OriginClientOptions> = {},
    { path = "/", clock = SYSTEM_CLOCK }: { path?: string; clock?: Clock } = {},
  ) {
    this.#listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    this.port = this.#listener.addr.port;
    this.client = new OriginClient({ ...ORIGIN_OPTIONS, ...options }, clock);
    this.handler = this.client.exchange({
      url: new URL(`http://127.0.0.1:${this.port}${path}`),
      name: "engine",
    });
    void this.#accept();
  }

  /** Begins an exchange; a request without a body is ended. */
  begin(head: Partial<RequestHead> = {}, appetite: Appetite = "eager"): LiveExchange {
    return beginExchange(this.handler, head, appetite);
  }

  /** The server's end of the connection of that number, counted from 0. */
  async connection(index: number): Promise<RawPeer> {
    await this.#watch.until(() => this.connections.length > index, () => `${this.connections.length} came`);
    const peer = this.connections[index];
    if (peer === undefined) throw new Error("unreachable");
    return peer;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await this.client.close();
    for (const peer of this.connections) await peer.close();
  }

  async #accept(): Promise<void> {
    for await (const connection of this.#listener) {
      this.connections.push(new RawPeer(connection, this.isReading));
      this.#watch.changed();
    }
  }
}

export interface LiveExchange {
  readonly answer: LiveAnswer;
  readonly request: RequestReceiver;
}

export function beginExchange(
  handler: ExchangeHandler,
  head: Partial<RequestHead> = {},
  appetite: Appetite = "eager",
): LiveExchange {
  const answer = new LiveAnswer(appetite);
  const request = handler(requestHead({ contentLength: 0, method: "GET", ...head }), answer);
  answer.request = request;
  if ((head.contentLength ?? 0) === 0 && head.contentLength !== null) request.end(null);
  return { answer, request };
}
