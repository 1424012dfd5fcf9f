import { UncachedAnswer } from "../../shared/exchange/uncached_answer.ts";
import { stripRequestCaching } from "../../shared/exchange/zero_cache.ts";
import type { CoreHandler, Routed } from "../exchange/core_exchange.ts";

/** Zero cache in both directions, but for a route that says it caches. */
export function stripCaching(next: CoreHandler<Routed>): CoreHandler<Routed> {
  return (exchange, answer) => {
    if (exchange.route.passesCaching) return next(exchange, answer);
    stripRequestCaching(exchange.request.fields);
    return next(exchange, new UncachedAnswer(answer));
  };
}
