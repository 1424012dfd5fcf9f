import type { RequestHead } from "../../shared/exchange/exchange.ts";
import type { RelayError } from "../../shared/errors/relay_error.ts";

/** Requests per second with a burst: see `TokenBucket`. */
export interface RequestRate {
  readonly requestsPerSecond: number;
  /** Requests that may come at once after a rest; at least 1. */
  readonly burst: number;
}

/** Who calls. */
export interface Principal {
  /** Name from the config: in logs and metrics; never the credential. */
  readonly name: string;
  /** This principal's own limit; null: the default for all. */
  readonly requestRate: RequestRate | null;
}

/** A way to tell who calls: one for each kind of credential. */
export interface Authenticator {
  /**
   * The principal and the request without its credential (which must not reach the origin), or why not.
   * Null: this kind of credential is absent; another authenticator may be asked.
   */
  authenticate(request: RequestHead): { principal: Principal; request: RequestHead } | RelayError | null;
}
