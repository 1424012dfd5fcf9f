import type { ExchangeHandler } from "../../../shared/exchange/exchange.ts";
import { Fields } from "../../../shared/exchange/fields.ts";
import { chatCompletions } from "./chat_endpoint.ts";
import { completions } from "./completions_endpoint.ts";
import { debugRequest, debugRequests, getFaults, setFaults } from "./debug_endpoints.ts";
import { embeddings } from "./embeddings_endpoint.ts";
import { health, listModels, metrics, oneModel, version } from "./engine_endpoints.ts";
import { listFiles, oneFile, uploadFile } from "./files_endpoint.ts";
import { imageGenerations } from "./images_endpoint.ts";
import { atEnd, type BodySink, OriginExchange } from "./origin_exchange.ts";
import type { OriginServices } from "./origin_services.ts";
import { responses } from "./responses_endpoint.ts";
import { transcriptions } from "./transcriptions_endpoint.ts";

type Endpoint = (exchange: OriginExchange, services: OriginServices) => BodySink;
type Methods = { readonly [method: string]: Endpoint };

/** By exact path; a path that ends in `/` stands for all that begin so. GET serves HEAD too. */
const ROUTES: { readonly [path: string]: Methods } = {
  "/v1/chat/completions": { POST: chatCompletions },
  "/v1/completions": { POST: completions },
  "/v1/responses": { POST: responses },
  "/v1/embeddings": { POST: embeddings },
  "/v1/audio/transcriptions": { POST: transcriptions },
  "/v1/images/generations": { POST: imageGenerations },
  "/v1/files": { GET: listFiles, POST: uploadFile },
  "/v1/files/": { GET: oneFile, DELETE: oneFile },
  "/v1/models": { GET: listModels },
  "/v1/models/": { GET: oneModel },
  "/health": { GET: health },
  "/metrics": { GET: metrics },
  "/version": { GET: version },
  "/debug/requests": { GET: debugRequests },
  "/debug/requests/": { GET: debugRequest },
  "/debug/faults": { GET: getFaults, POST: setFaults },
};

const PREFIXES = Object.keys(ROUTES).filter((path) => path.endsWith("/"));

function methodsOf(pathname: string): Methods | undefined {
  const exact = Object.hasOwn(ROUTES, pathname) ? ROUTES[pathname] : undefined;
  if (exact !== undefined) return exact;
  const prefix = PREFIXES.find((one) => pathname.startsWith(one));
  return prefix === undefined ? undefined : ROUTES[prefix];
}

function endpointOf(exchange: OriginExchange): Endpoint {
  const methods = methodsOf(exchange.pathname);
  if (methods === undefined) return () => atEnd(() => sendRouteError(exchange, 404, "Not Found"));
  const method = exchange.request.method === "HEAD" ? "GET" : exchange.request.method;
  const endpoint = Object.hasOwn(methods, method) ? methods[method] : undefined;
  if (endpoint !== undefined) return endpoint;
  const allowed = new Fields(["allow", Object.keys(methods).join(", ")]);
  return () => atEnd(() => sendRouteError(exchange, 405, "Method Not Allowed", allowed));
}

function sendRouteError(exchange: OriginExchange, status: number, message: string, fields?: Fields): void {
  exchange.sendError({ status, message, type: "invalid_request_error", param: null, code: null }, fields);
}

/** Gives each request to its endpoint. */
export function originRoutes(services: OriginServices): ExchangeHandler {
  return (request, answer) => {
    const exchange = new OriginExchange(request, answer);
    exchange.receiveInto(endpointOf(exchange)(exchange, services));
    return exchange;
  };
}
