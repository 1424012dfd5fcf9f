import { z } from "zod";
import { readPrompt } from "../model/prompt.ts";
import { type Script, textOf } from "../model/script.ts";
import { SAMPLING_FIELDS, wordScript } from "./chat_request.ts";
import { jsonBody } from "./json_body.ts";
import type { BodySink, OriginExchange } from "./origin_exchange.ts";
import type { OriginServices } from "./origin_services.ts";
import { cutEvent, event, type StreamFormat, TOKEN_TEXT, utf8 } from "./stream_format.ts";
import { usageOf } from "./usage.ts";

const TOKEN_NUMBERS = z.array(z.number().int());
const ONE_PROMPT = "Only one prompt is supported.";
const COMPLETION_REQUEST = z.looseObject({
  ...SAMPLING_FIELDS,
  prompt: z.union([
    z.string(),
    z.array(z.string()).length(1, ONE_PROMPT),
    TOKEN_NUMBERS,
    z.array(TOKEN_NUMBERS).length(1, ONE_PROMPT),
  ]),
});

interface CompletionHead {
  readonly id: string;
  readonly object: "text_completion";
  readonly created: number;
  readonly model: string;
}

function choiceOf(text: string, finishReason: string | null): Record<string, unknown> {
  return { index: 0, text, logprobs: null, finish_reason: finishReason };
}

function streamFormat(
  head: CompletionHead,
  script: Script,
  usage: ReturnType<typeof usageOf> | null,
): StreamFormat {
  const chunk = (text: string, finishReason: string | null) =>
    event({ ...head, choices: [choiceOf(text, finishReason)], ...(usage === null ? {} : { usage: null }) });
  return {
    opening: new Uint8Array(0),
    ...cutEvent(chunk(TOKEN_TEXT, null)),
    firstSequenceNumber: null,
    closing: () =>
      utf8(
        chunk("", script.finishReason) +
          (usage === null ? "" : event({ ...head, choices: [], usage })) +
          "data: [DONE]\n\n",
      ),
  };
}

function complete(
  exchange: OriginExchange,
  services: OriginServices,
  request: z.infer<typeof COMPLETION_REQUEST>,
): void {
  if (!services.models.require(exchange, request.model)) return;
  const prompt = readPrompt(request.prompt, services.seed);
  const maxTokens = services.generations.maxTokensFor(exchange, prompt, request.max_tokens ?? null);
  if (maxTokens === null) return;
  const script = wordScript(request, prompt, maxTokens);
  const head: CompletionHead = {
    id: services.generations.nextId("cmpl-"),
    object: "text_completion",
    created: services.epochSeconds(),
    model: request.model,
  };
  const usage = usageOf(prompt.tokens, script.tokenCount);
  services.generations.run(exchange, {
    prompt,
    maxTokens,
    script,
    answer: request.stream === true
      ? { format: streamFormat(head, script, request.stream_options?.include_usage === true ? usage : null) }
      : { whole: () => ({ ...head, choices: [choiceOf(textOf(script), script.finishReason)], usage }) },
  });
}

/** `POST /v1/completions` */
export function completions(exchange: OriginExchange, services: OriginServices): BodySink {
  return jsonBody(exchange, COMPLETION_REQUEST, (request) => complete(exchange, services, request));
}
