/**
 * Chooses the route. Where the choice hangs on the model, the request's body is read until the model is known, and
 * then passed on from its first byte.
 *
 * Invariant: bytes held for all requests together stay below one budget, those of one request below `maxPeekBytes`;
 * once routed, nothing is held beyond what the next step has room for.
 */
import { RelayError } from "../../shared/errors/relay_error.ts";
import type { AnswerReceiver, RequestReceiver } from "../../shared/exchange/exchange.ts";
import { refuse } from "../../shared/exchange/refuse.ts";
import type { Authenticated, CoreHandler, Routed } from "../exchange/core_exchange.ts";
import { JsonModelScanner } from "./json_model_scanner.ts";
import { multipartBoundary, MultipartModelScanner } from "./multipart_model_scanner.ts";
import { ModelPeek, type ModelScanner, type PeekBudget } from "./model_peek.ts";
import type { RouteTable } from "./route_table.ts";

export interface RouteOptions {
  readonly routes: RouteTable;
  /** Bytes of one request's body that are read at most to find the model. */
  readonly maxPeekBytes: number;
  /** Shared by all requests that are being looked into. */
  readonly budget: PeekBudget;
}

export function routeByModel(options: RouteOptions, next: CoreHandler<Routed>): CoreHandler<Authenticated> {
  return (exchange, answer) => {
    const { path, contentLength } = exchange.request;
    const scanner = contentLength === 0 || !options.routes.needsModel(path) ? null : scannerFor(exchange);
    if (scanner !== null) return peek({ options, exchange, answer, scanner, next });
    const model = modelInPath(path);
    const route = options.routes.find(path, model);
    if (route === null) return refuse(answer, notRouted(options.routes, path, model));
    return next({ ...exchange, route, model }, answer);
  };
}

interface PeekParts {
  options: RouteOptions;
  exchange: Authenticated;
  answer: AnswerReceiver;
  scanner: ModelScanner;
  next: CoreHandler<Routed>;
}

function peek({ options, exchange, answer, scanner, next }: PeekParts): RequestReceiver {
  return new ModelPeek({
    scanner,
    answer,
    maxBytes: options.maxPeekBytes,
    budget: options.budget,
    routed(model: string | null, forwardedAnswer: AnswerReceiver): RequestReceiver | RelayError {
      const route = options.routes.find(exchange.request.path, model);
      if (route === null) return notRouted(options.routes, exchange.request.path, model);
      return next({ ...exchange, route, model }, forwardedAnswer);
    },
  });
}

function scannerFor(exchange: Authenticated): ModelScanner | null {
  const contentType = exchange.request.fields.get("content-type") ?? "";
  if (/^application\/(?:[\w.-]+\+)?json\b/i.test(contentType)) return new JsonModelScanner();
  const boundary = multipartBoundary(contentType);
  return boundary === null ? null : new MultipartModelScanner(boundary);
}

/** `/v1/models/{model}` names a model in its path. */
function modelInPath(path: string): string | null {
  const match = /^\/v1\/models\/([^?]+)/.exec(path)?.[1];
  if (match === undefined) return null;
  try {
    return decodeURIComponent(match);
  } catch (error) {
    if (error instanceof URIError) return match;
    throw error;
  }
}

function notRouted(routes: RouteTable, path: string, model: string | null): RelayError {
  if (!routes.hasPath(path)) return new RelayError("not_found", { source: "downstream" });
  return new RelayError("model_not_found", {
    source: "downstream",
    message: model === null
      ? "The request names no model, and no route takes requests without one."
      : `No origin serves the model ${JSON.stringify(model)}.`,
  });
}
