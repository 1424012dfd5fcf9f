import { Buffer } from "node:buffer";
import { z } from "zod";
import { DEFAULT_EMBEDDING_DIMENSIONS, embedding, MAX_EMBEDDING_DIMENSIONS } from "../model/embedding.ts";
import { type Prompt, readPrompt } from "../model/prompt.ts";
import { jsonBody } from "./json_body.ts";
import type { BodySink, OriginExchange } from "./origin_exchange.ts";
import type { OriginServices } from "./origin_services.ts";

/** Vector components of one answer, over all inputs. */
const MAX_COMPONENTS = 2_000_000;
const TOKEN_NUMBERS = z.array(z.number().int()).min(1);
const EMBEDDING_REQUEST = z.looseObject({
  model: z.string(),
  input: z.union([
    z.string(),
    TOKEN_NUMBERS,
    z.array(z.string()).min(1).max(2048),
    z.array(TOKEN_NUMBERS).min(1).max(2048),
  ]),
  encoding_format: z.enum(["float", "base64"]).nullish(),
  dimensions: z.number().int().min(1).max(MAX_EMBEDDING_DIMENSIONS).nullish(),
});

type EmbeddingInput = z.infer<typeof EMBEDDING_REQUEST>["input"];

function promptsOf(input: EmbeddingInput, seed: number): Prompt[] {
  if (typeof input === "string") return [readPrompt(input, seed)];
  const isOnePrompt = typeof input[0] === "number";
  if (isOnePrompt) return [{ hash: readPrompt(input, seed).hash, tokens: input.length }];
  return input.map((one) =>
    Array.isArray(one) ? { hash: readPrompt(one, seed).hash, tokens: one.length } : readPrompt(one, seed)
  );
}

function encoded(vector: Float32Array, format: "float" | "base64"): string | number[] {
  if (format === "float") return Array.from(vector);
  const bytes = Buffer.alloc(vector.length * 4);
  for (let i = 0; i < vector.length; i++) bytes.writeFloatLE(vector[i] ?? 0, i * 4);
  return bytes.toString("base64");
}

/** `POST /v1/embeddings`: answers at once, past the engine's queue. */
export function embeddings(exchange: OriginExchange, services: OriginServices): BodySink {
  return jsonBody(exchange, EMBEDDING_REQUEST, (request) => {
    if (!services.models.require(exchange, request.model)) return;
    const dimensions = request.dimensions ?? DEFAULT_EMBEDDING_DIMENSIONS;
    const prompts = promptsOf(request.input, services.seed);
    if (prompts.length * dimensions > MAX_COMPONENTS) {
      exchange.sendInvalid(`The answer would hold more than ${MAX_COMPONENTS} numbers.`, "input");
      return;
    }
    const format = request.encoding_format ?? "float";
    const tokens = prompts.reduce((sum, prompt) => sum + prompt.tokens, 0);
    exchange.sendJson({
      object: "list",
      data: prompts.map((prompt, index) => ({
        object: "embedding",
        index,
        embedding: encoded(embedding(prompt.hash, dimensions), format),
      })),
      model: request.model,
      usage: { prompt_tokens: tokens, total_tokens: tokens },
    });
  });
}
