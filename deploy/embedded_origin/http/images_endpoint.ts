import { Buffer } from "node:buffer";
import { z } from "zod";
import { mix } from "../model/hash.ts";
import { picture } from "../model/picture.ts";
import { readPrompt } from "../model/prompt.ts";
import { jsonBody } from "./json_body.ts";
import type { BodySink, OriginExchange } from "./origin_exchange.ts";
import type { OriginServices } from "./origin_services.ts";

const IMAGE_REQUEST = z.looseObject({
  model: z.string().nullish(),
  prompt: z.string(),
  n: z.number().int().min(1).max(10).nullish(),
});

/** `POST /v1/images/generations` */
export function imageGenerations(exchange: OriginExchange, services: OriginServices): BodySink {
  return jsonBody(exchange, IMAGE_REQUEST, (request) => {
    if (typeof request.model === "string" && !services.models.require(exchange, request.model)) return;
    const { hash } = readPrompt(request.prompt, services.seed);
    const pictures = Array.from({ length: request.n ?? 1 }, (_, i) => picture(mix(hash, i)));
    exchange.sendJson({
      created: services.epochSeconds(),
      data: pictures.map((png) => ({ b64_json: Buffer.from(png).toString("base64") })),
    });
  });
}
