import { readPrompt } from "../model/prompt.ts";
import { type Script, textOf } from "../model/script.ts";
import type { ToolCall } from "../model/tool_call.ts";
import { CHAT_REQUEST, type ChatRequest, chatScript } from "./chat_request.ts";
import { jsonBody } from "./json_body.ts";
import type { BodySink, OriginExchange } from "./origin_exchange.ts";
import type { OriginServices } from "./origin_services.ts";
import { cutEvent, event, type StreamFormat, TOKEN_TEXT, utf8 } from "./stream_format.ts";
import { usageOf } from "./usage.ts";

interface ChatAnswer {
  readonly head: { readonly id: string; readonly created: number; readonly model: string };
  readonly script: Script;
  readonly toolCall: ToolCall | null;
  readonly usage: ReturnType<typeof usageOf>;
}

function finishReasonOf({ script, toolCall }: ChatAnswer): string {
  return toolCall !== null && script.finishReason === "stop" ? "tool_calls" : script.finishReason;
}

function messageOf({ script, toolCall }: ChatAnswer): Record<string, unknown> {
  const text = textOf(script);
  if (toolCall === null) return { role: "assistant", content: text, refusal: null };
  const call = { id: toolCall.id, type: "function", function: { name: toolCall.name, arguments: text } };
  return { role: "assistant", content: null, refusal: null, tool_calls: [call] };
}

function wholeAnswer(answer: ChatAnswer): unknown {
  return {
    id: answer.head.id,
    object: "chat.completion",
    created: answer.head.created,
    model: answer.head.model,
    choices: [{
      index: 0,
      message: messageOf(answer),
      logprobs: null,
      finish_reason: finishReasonOf(answer),
    }],
    usage: answer.usage,
  };
}

function streamFormat(answer: ChatAnswer, includeUsage: boolean): StreamFormat {
  const { id, created, model } = answer.head;
  const base = { id, object: "chat.completion.chunk", created, model };
  const usage = includeUsage ? { usage: null } : {};
  const chunk = (delta: unknown, finishReason: string | null = null) =>
    event({
      ...base,
      choices: [{ index: 0, delta, logprobs: null, finish_reason: finishReason }],
      ...usage,
    });
  const call = answer.toolCall;
  let opening = chunk({ role: "assistant", content: call === null ? "" : null });
  let delta: unknown = { content: TOKEN_TEXT };
  if (call !== null) {
    const opened = { name: call.name, arguments: "" };
    opening += chunk({ tool_calls: [{ index: 0, id: call.id, type: "function", function: opened }] });
    delta = { tool_calls: [{ index: 0, function: { arguments: TOKEN_TEXT } }] };
  }
  return {
    opening: utf8(opening),
    ...cutEvent(chunk(delta)),
    firstSequenceNumber: null,
    closing: () =>
      utf8(
        chunk({}, finishReasonOf(answer)) +
          (includeUsage ? event({ ...base, choices: [], usage: answer.usage }) : "") +
          "data: [DONE]\n\n",
      ),
  };
}

function complete(exchange: OriginExchange, services: OriginServices, request: ChatRequest): void {
  if (!services.models.require(exchange, request.model)) return;
  const prompt = readPrompt([request.messages, request.tools ?? null], services.seed);
  const asked = request.max_completion_tokens ?? request.max_tokens ?? null;
  const maxTokens = services.generations.maxTokensFor(exchange, prompt, asked);
  if (maxTokens === null) return;
  const { script, toolCall } = chatScript(request, prompt, maxTokens);
  const answer: ChatAnswer = {
    head: {
      id: services.generations.nextId("chatcmpl-"),
      created: services.epochSeconds(),
      model: request.model,
    },
    script,
    toolCall,
    usage: usageOf(prompt.tokens, script.tokenCount),
  };
  services.generations.run(exchange, {
    prompt,
    maxTokens,
    script,
    answer: request.stream === true
      ? { format: streamFormat(answer, request.stream_options?.include_usage === true) }
      : { whole: () => wholeAnswer(answer) },
  });
}

/** `POST /v1/chat/completions` */
export function chatCompletions(exchange: OriginExchange, services: OriginServices): BodySink {
  return jsonBody(exchange, CHAT_REQUEST, (request) => complete(exchange, services, request));
}
