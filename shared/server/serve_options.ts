import type { RelayError } from "../errors/relay_error.ts";
import type { ExchangeHandler } from "../exchange/exchange.ts";
import type { Http1Limits } from "../http1/http1_limits.ts";
import type { Http2Limits } from "../http2/http2_limits.ts";

/** What a driver needs to serve one accepted connection. */
export interface ServeOptions {
  readonly handler: ExchangeHandler;
  readonly scheme: "http" | "https";
  /** IP address of the client, without port. */
  readonly clientAddress: string;
  newRequestId(): string;
  /** Milliseconds that never go back. */
  clock(): number;
  readonly http1: Http1Limits;
  readonly http2: Http2Limits;
  readonly observer: ConnectionObserver;
  /** A client that takes no byte of a waiting answer for so long is dropped. @default 60_000 */
  readonly stallTimeoutMs: number;
  /** Fires when the node drains: finish what is in flight, take nothing new. */
  readonly signal: AbortSignal;
}

/** Told what happens on a connection, in plain calls: nothing here may throw. */
export interface ConnectionObserver {
  exchangeStarted(): void;
  exchangeEnded(): void;
  /** The peer broke the protocol or a limit before or instead of an exchange. */
  refused(error: RelayError): void;
  bytesIn(bytes: number): void;
  bytesOut(bytes: number): void;
}
