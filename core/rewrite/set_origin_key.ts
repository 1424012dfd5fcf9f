import type { CoreHandler, Routed } from "../exchange/core_exchange.ts";

/** Gives the request the origin's own key, where it has one; the client's never gets this far. */
export function setOriginKey(next: CoreHandler<Routed>): CoreHandler<Routed> {
  return (exchange, answer) => {
    const { apiKey } = exchange.route.origin;
    if (apiKey !== null) exchange.request.fields.set("authorization", `Bearer ${apiKey}`);
    return next(exchange, answer);
  };
}
