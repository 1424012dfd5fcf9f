import type { ExchangeHandler } from "../shared/exchange/exchange.ts";
import { type ExchangeWatcher, observeExchanges } from "../shared/observe/observe_exchange.ts";
import { authenticate, type AuthenticateOptions } from "./auth/authenticate.ts";
import { pickEndpoint, type PickEndpointOptions } from "./balancer/pick_endpoint.ts";
import type { Received } from "./exchange/core_exchange.ts";
import { limitRequests, type LimitRequestsOptions } from "./limiter/limit_requests.ts";
import { stripCaching } from "./rewrite/strip_caching.ts";
import { setOriginKey } from "./rewrite/set_origin_key.ts";
import { routeByModel, type RouteOptions } from "./routing/route_by_model.ts";
import { answerProbes } from "./session/answer_probes.ts";

export interface CorePipelineParts {
  readonly watcher: ExchangeWatcher;
  readonly auth: AuthenticateOptions;
  readonly limits: LimitRequestsOptions;
  readonly routing: RouteOptions;
  readonly picking: PickEndpointOptions;
}

/**
 * An exchange's way through the core, from the session that brought it to the endpoint that answers it. Each step is
 * given the one behind it, so the list reads from the origin back to the tunnel.
 */
export function corePipeline(parts: CorePipelineParts): (edge: string) => ExchangeHandler {
  // Last, when nothing can refuse the request any more: a refused one must not take a turn at the balancer.
  const picked = pickEndpoint(parts.picking);
  // Knows the origin by now: its key replaces the client's, which the authentication took out.
  const keyed = setOriginKey(picked);
  // After routing, because a route that caches keeps its fields.
  const uncached = stripCaching(keyed);
  // May have to read the body, so it comes after all that can refuse a request by its head.
  const routed = routeByModel(parts.routing, uncached);
  // Knows who calls by now, and costs nothing yet but the look at a head.
  const limited = limitRequests(parts.limits, routed);
  // First of all that a client's request meets: strangers cost one hash.
  const authenticated = authenticate(parts.auth, limited);
  return (edge) => {
    const received: ExchangeHandler = (request, answer) =>
      authenticated({ request, edge } satisfies Received, answer);
    // An edge's own probe ends here: it has no key and asks for nothing behind the core.
    const probed = answerProbes(received);
    // Outermost, so that every exchange is counted, refusals included.
    return observeExchanges(parts.watcher, probed);
  };
}
