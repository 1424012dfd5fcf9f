import { z } from "zod";
import { readPrompt } from "../model/prompt.ts";
import { type Script, textOf, WordScript } from "../model/script.ts";
import { jsonBody } from "./json_body.ts";
import type { BodySink, OriginExchange } from "./origin_exchange.ts";
import type { OriginServices } from "./origin_services.ts";
import {
  cutEvent,
  SEQUENCE_NUMBER,
  type StreamFormat,
  TOKEN_TEXT,
  typedEvent,
  utf8,
} from "./stream_format.ts";

const RESPONSES_REQUEST = z.looseObject({
  model: z.string(),
  input: z.union([z.string(), z.array(z.looseObject({}))]),
  instructions: z.string().nullish(),
  stream: z.boolean().nullish(),
  max_output_tokens: z.number().int().min(1).nullish(),
  ignore_eos: z.boolean().nullish(),
});

/** One answer of the Responses API: the response object in its three states and the events between them. */
class ResponseAnswer {
  readonly script: Script;
  readonly #base: Record<string, unknown>;
  readonly #messageId: string;
  readonly #promptTokens: number;

  constructor(options: {
    script: Script;
    base: Record<string, unknown>;
    messageId: string;
    promptTokens: number;
  }) {
    this.script = options.script;
    this.#base = options.base;
    this.#messageId = options.messageId;
    this.#promptTokens = options.promptTokens;
  }

  whole(): Record<string, unknown> {
    const isComplete = this.script.finishReason === "stop";
    return {
      ...this.#base,
      status: isComplete ? "completed" : "incomplete",
      incomplete_details: isComplete ? null : { reason: "max_output_tokens" },
      output: [this.#message(isComplete ? "completed" : "incomplete", [this.#part(textOf(this.script))])],
      usage: {
        input_tokens: this.#promptTokens,
        input_tokens_details: { cached_tokens: 0 },
        output_tokens: this.script.tokenCount,
        output_tokens_details: { reasoning_tokens: 0 },
        total_tokens: this.#promptTokens + this.script.tokenCount,
      },
    };
  }

  format(): StreamFormat {
    const begun = { ...this.#base, status: "in_progress", incomplete_details: null, output: [], usage: null };
    const opening = [
      { type: "response.created", response: begun },
      { type: "response.in_progress", response: begun },
      { type: "response.output_item.added", output_index: 0, item: this.#message("in_progress", []) },
      { type: "response.content_part.added", ...this.#position(), part: this.#part("") },
    ];
    const delta = {
      type: "response.output_text.delta",
      ...this.#position(),
      logprobs: [],
      delta: TOKEN_TEXT,
    };
    return {
      opening: utf8(numbered(opening, 0)),
      ...cutEvent(typedEvent({ ...delta, sequence_number: SEQUENCE_NUMBER })),
      firstSequenceNumber: opening.length,
      closing: () => utf8(this.#closing(opening.length + this.script.tokenCount)),
    };
  }

  #closing(firstSequenceNumber: number): string {
    const text = textOf(this.script);
    const response = this.whole();
    const isComplete = response.status === "completed";
    const item = this.#message(isComplete ? "completed" : "incomplete", [this.#part(text)]);
    return numbered([
      { type: "response.output_text.done", ...this.#position(), text, logprobs: [] },
      { type: "response.content_part.done", ...this.#position(), part: this.#part(text) },
      { type: "response.output_item.done", output_index: 0, item },
      { type: isComplete ? "response.completed" : "response.incomplete", response },
    ], firstSequenceNumber);
  }

  #position(): Record<string, unknown> {
    return { item_id: this.#messageId, output_index: 0, content_index: 0 };
  }

  #part(text: string): Record<string, unknown> {
    return { type: "output_text", text, annotations: [], logprobs: [] };
  }

  #message(status: string, content: unknown[]): Record<string, unknown> {
    return { id: this.#messageId, type: "message", role: "assistant", status, content };
  }
}

function numbered(events: { type: string; [key: string]: unknown }[], first: number): string {
  return events.map((one, i) => typedEvent({ ...one, sequence_number: first + i })).join("");
}

function respond(
  exchange: OriginExchange,
  services: OriginServices,
  request: z.infer<typeof RESPONSES_REQUEST>,
): void {
  if (!services.models.require(exchange, request.model)) return;
  const prompt = readPrompt([request.instructions ?? null, request.input], services.seed);
  const maxTokens = services.generations.maxTokensFor(exchange, prompt, request.max_output_tokens ?? null);
  if (maxTokens === null) return;
  const base = {
    id: services.generations.nextId("resp_"),
    object: "response",
    created_at: services.epochSeconds(),
    model: request.model,
    error: null,
    instructions: request.instructions ?? null,
    max_output_tokens: request.max_output_tokens ?? null,
    metadata: {},
    parallel_tool_calls: true,
    previous_response_id: null,
    temperature: 1,
    text: { format: { type: "text" } },
    tool_choice: "auto",
    tools: [],
    top_p: 1,
    truncation: "disabled",
  };
  const answer = new ResponseAnswer({
    script: new WordScript(prompt.hash, { maxTokens, ignoreEnd: request.ignore_eos ?? false }),
    base,
    messageId: services.generations.nextId("msg_"),
    promptTokens: prompt.tokens,
  });
  services.generations.run(exchange, {
    prompt,
    maxTokens,
    script: answer.script,
    answer: request.stream === true ? { format: answer.format() } : { whole: () => answer.whole() },
  });
}

/** `POST /v1/responses`: text only; tools are ignored. */
export function responses(exchange: OriginExchange, services: OriginServices): BodySink {
  return jsonBody(exchange, RESPONSES_REQUEST, (request) => respond(exchange, services, request));
}
