import type { HistogramRecord } from "../harness/latency_histogram.ts";
import type { RelayTarget } from "../relays/relay.ts";

/** What a load client does, given to it as JSON. */
export interface LoadJob {
  readonly target: RelayTarget;
  readonly protocol: "http/1.1" | "h2";
  readonly connections: number;
  /** Requests in flight on one connection; 1 over HTTP/1.1. */
  readonly streamsPerConnection: number;
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly body: string;
  /** The answer has no end: where one ends, it has failed. Over HTTP/1.1 what fails is then asked anew. */
  readonly isEndless: boolean;
}

/**
 * What a load client prints, one JSON object a line. Commands to it are `start` (a measured window begins), `stop` (it
 * ends: a report) and the end of its standard input.
 */
export type LoadMessage =
  /** Every request in flight has its answer's head: from now on the load is steady. */
  | { readonly kind: "steady" }
  | LoadReport
  | { readonly kind: "failed"; readonly reason: string };

/** What came in within one window. */
export interface LoadReport {
  readonly kind: "report";
  readonly seconds: number;
  readonly tokens: number;
  /** Answers that were complete. */
  readonly exchanges: number;
  readonly failures: number;
  readonly lastFailure: string;
  /** From sending a request to the first byte of its answer's body. */
  readonly firstByte: HistogramRecord;
  /** From sending a request to the end of its answer. */
  readonly exchange: HistogramRecord;
  /** From sending a token at the origin to reading it here. */
  readonly tokenDelay: HistogramRecord;
  /** Tokens that a stream never got though later ones came, and tokens that it got again. */
  readonly lostTokens: number;
  readonly repeatedTokens: number;
  /** Connections with a request that failed. */
  readonly brokenConnections: number;
  /** Of each connection in milliseconds, up to the end of the window. */
  readonly longestGapsMs: readonly number[];
  /** Without a token since then, of each connection in milliseconds. */
  readonly silentMs: readonly number[];
}
