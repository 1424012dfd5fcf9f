/**
 * An exchange on its way through the core. Each step of the pipeline takes what the step before it established and
 * adds its own: the types say that nobody is routed before being known, and nobody known before being asked.
 */
import type { AnswerReceiver, RequestHead, RequestReceiver } from "../../shared/exchange/exchange.ts";
import type { Principal } from "../auth/principal.ts";
import type { Route } from "../routing/route_table.ts";

export interface Received {
  readonly request: RequestHead;
  /** Name of the edge whose session brought the exchange. */
  readonly edge: string;
}

export interface Authenticated extends Received {
  readonly principal: Principal;
}

export interface Routed extends Authenticated {
  readonly route: Route;
  /** The model that the request names, as far as a route had to know it. */
  readonly model: string | null;
}

/** One step with all that follows it; see `ExchangeHandler` for the rules. */
export type CoreHandler<E extends Received> = (exchange: E, answer: AnswerReceiver) => RequestReceiver;
