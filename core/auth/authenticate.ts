import { RelayError } from "../../shared/errors/relay_error.ts";
import { refuse } from "../../shared/exchange/refuse.ts";
import type { Authenticated, CoreHandler, Received } from "../exchange/core_exchange.ts";
import type { Authenticator, Principal } from "./principal.ts";

/** Stands for all callers where the config says `auth: {mode: none}`. */
export const ANONYMOUS: Principal = { name: "anonymous", requestRate: null };

export interface AuthenticateOptions {
  /** Asked in order; the first that knows the kind of credential decides. */
  readonly authenticators: readonly Authenticator[];
  /** Who a caller without any credential is; null: refused. */
  readonly anonymous: Principal | null;
}

/** Lets only known principals pass and takes their credential out of the request. */
export function authenticate(
  options: AuthenticateOptions,
  next: CoreHandler<Authenticated>,
): CoreHandler<Received> {
  return (exchange, answer) => {
    for (const authenticator of options.authenticators) {
      const found = authenticator.authenticate(exchange.request);
      if (found === null) continue;
      if (found instanceof RelayError) return refuse(answer, found);
      return next({ ...exchange, request: found.request, principal: found.principal }, answer);
    }
    if (options.anonymous === null) {
      return refuse(answer, new RelayError("missing_api_key", { source: "downstream" }));
    }
    return next({ ...exchange, principal: options.anonymous }, answer);
  };
}
