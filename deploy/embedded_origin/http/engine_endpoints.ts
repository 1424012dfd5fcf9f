import { metricsText } from "./metrics_text.ts";
import { atEnd, type BodySink, type OriginExchange } from "./origin_exchange.ts";
import type { OriginServices } from "./origin_services.ts";

/** What `GET /version` tells. */
export const EMBEDDED_ORIGIN_VERSION = "1.0.0";

/** `GET /health` */
export function health(exchange: OriginExchange): BodySink {
  return atEnd(() => exchange.sendText("text/plain", ""));
}

/** `GET /version` */
export function version(exchange: OriginExchange): BodySink {
  return atEnd(() => exchange.sendJson({ version: EMBEDDED_ORIGIN_VERSION }));
}

/** `GET /metrics` */
export function metrics(exchange: OriginExchange, services: OriginServices): BodySink {
  return atEnd(() => {
    const text = metricsText(services.driver.engine, services.models.names[0] ?? "");
    exchange.sendText("text/plain; version=0.0.4; charset=utf-8", text);
  });
}

/** `GET /v1/models` */
export function listModels(exchange: OriginExchange, services: OriginServices): BodySink {
  const { models } = services;
  return atEnd(() =>
    exchange.sendJson({ object: "list", data: models.names.map((name) => models.describe(name)) })
  );
}

/** `GET /v1/models/{id}` */
export function oneModel(exchange: OriginExchange, services: OriginServices): BodySink {
  return atEnd(() => {
    let name = exchange.pathname.slice("/v1/models/".length);
    try {
      name = decodeURIComponent(name);
    } catch (error) {
      if (!(error instanceof URIError)) throw error;
    }
    if (services.models.require(exchange, name)) exchange.sendJson(services.models.describe(name));
  });
}
