import { RelayError } from "../../shared/errors/relay_error.ts";
import { refuse } from "../../shared/exchange/refuse.ts";
import type { Authenticated, CoreHandler } from "../exchange/core_exchange.ts";
import type { Limiter } from "./request_limiter.ts";

export interface LimitRequestsOptions {
  readonly limiter: Limiter;
  now(): number;
  /** Told of each refusal, for metrics. */
  onRefused(scope: "overall" | "key"): void;
}

/** Refuses with 429 and `Retry-After` what is above a limit, before any work is spent on it. */
export function limitRequests(
  options: LimitRequestsOptions,
  next: CoreHandler<Authenticated>,
): CoreHandler<Authenticated> {
  return (exchange, answer) => {
    const admission = options.limiter.admit(exchange.principal, options.now());
    if (admission.admitted) return next(exchange, answer);
    options.onRefused(admission.scope);
    return refuse(
      answer,
      new RelayError("rate_limit_exceeded", {
        source: "downstream",
        retryAfterSeconds: Math.max(1, Math.ceil(admission.retryAfterMs / 1000)),
      }),
    );
  };
}
