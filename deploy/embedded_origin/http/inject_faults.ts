/**
 * Makes exchanges go wrong on purpose. Each fault is a layer around the handler that it spoils, so faults combine
 * and no endpoint knows of them.
 */
import type { Clock } from "../../../shared/clock/clock.ts";
import type { AnswerReceiver, ExchangeHandler } from "../../../shared/exchange/exchange.ts";
import { Fields } from "../../../shared/exchange/fields.ts";
import { type Fault, FaultSyntaxError, parseFaults } from "./fault.ts";
import type { FaultBoard } from "./fault_board.ts";
import { delayEnd, InformedAnswer, LimitedAnswer, silence, TrailedAnswer } from "./fault_layers.ts";
import { echo } from "./echo.ts";
import { type ApiError, atEnd, OriginExchange } from "./origin_exchange.ts";

/** The request field that chooses faults for its own exchange. */
export const FAULT_FIELD = "x-lowu-fault";

export interface FaultOptions {
  readonly board: FaultBoard;
  readonly clock: Clock;
  /** Closes the connection of the exchange with this id, answers under way included. */
  cutConnection(exchangeId: string): void;
}

/** Spoils what `inner` answers as the field `x-lowu-fault`, or else the fault board, says; `/debug/…` is exempt. */
export function injectFaults(inner: ExchangeHandler, options: FaultOptions): ExchangeHandler {
  return (request, answer) => {
    if (request.path.startsWith("/debug/")) return inner(request, answer);
    const own = request.fields.get(FAULT_FIELD);
    let faults = own === undefined ? options.board.take(request.path) : [];
    if (own !== undefined) {
      try {
        faults = parseFaults(own);
      } catch (error) {
        if (!(error instanceof FaultSyntaxError)) throw error;
        return answerError({ status: 400, message: error.message })(request, answer);
      }
    }
    return faults.reduceRight((handler, fault) => applyFault(fault, handler, options), inner)(
      request,
      answer,
    );
  };
}

function applyFault(fault: Fault, inner: ExchangeHandler, options: FaultOptions): ExchangeHandler {
  switch (fault.kind) {
    case "refuse":
      return (request, answer) => {
        queueMicrotask(() => options.cutConnection(request.context.id));
        return silence(answer);
      };
    case "status": {
      const fields = new Fields();
      if (fault.retryAfter !== null) fields.append("retry-after", fault.retryAfter);
      return answerError({ status: fault.status, message: `This is fault ${fault.status}.` }, fields);
    }
    case "stall-before-head":
      return (_request, answer) => silence(answer);
    case "stall":
    case "cut":
      return wrapAnswer(inner, (answer) => new LimitedAnswer(answer, fault.kind, fault.after));
    case "informational":
      return wrapAnswer(inner, (answer) => new InformedAnswer(answer));
    case "trailers":
      return wrapAnswer(inner, (answer) => new TrailedAnswer(answer));
    case "slow":
      return delayEnd(inner, options.clock, fault.ms);
    case "echo":
      return echo;
    case "echo-headers":
      return echoHeaders;
  }
}

function wrapAnswer(
  inner: ExchangeHandler,
  wrap: (
    answer: AnswerReceiver,
  ) => AnswerReceiver & { handlerReturned(upstream: ReturnType<ExchangeHandler>): void },
): ExchangeHandler {
  return (request, answer) => {
    const wrapped = wrap(answer);
    const upstream = inner(request, wrapped);
    wrapped.handlerReturned(upstream);
    return upstream;
  };
}

function answerError(
  { status, message }: Pick<ApiError, "status" | "message">,
  fields?: Fields,
): ExchangeHandler {
  const type = status === 429 ? "rate_limit_error" : status < 500 ? "invalid_request_error" : "server_error";
  return (request, answer) => {
    const exchange = new OriginExchange(request, answer);
    exchange.receiveInto(
      atEnd(() => exchange.sendError({ status, message, type, param: null, code: "fault" }, fields?.clone())),
    );
    return exchange;
  };
}

function echoHeaders(...[request, answer]: Parameters<ExchangeHandler>): ReturnType<ExchangeHandler> {
  const exchange = new OriginExchange(request, answer);
  const { method, scheme, authority, path, contentLength, context } = request;
  const fields = Array.from(request.fields);
  const { protocol, clientAddress } = context;
  exchange.receiveInto(
    atEnd(() =>
      exchange.sendJson({ method, scheme, authority, path, contentLength, protocol, clientAddress, fields })
    ),
  );
  return exchange;
}
