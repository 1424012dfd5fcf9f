/** The parts of a chat completion request that the imitated model obeys; all others are accepted and ignored. */
import { z } from "zod";
import { jsonInstance } from "../model/json_instance.ts";
import type { Prompt } from "../model/prompt.ts";
import { type Script, TextScript, WordScript } from "../model/script.ts";
import { chooseToolCall, type ToolCall, type ToolChoice } from "../model/tool_call.ts";

const TOKENS = z.number().int().min(1).nullish();
const STOP = z.union([z.string(), z.array(z.string()).max(16)]).nullish();

/** Fields that chat and text completions share; `min_tokens` and `ignore_eos` are vLLM's. */
export const SAMPLING_FIELDS = {
  model: z.string(),
  n: z.literal(1, "Only n=1 is supported.").nullish(),
  stream: z.boolean().nullish(),
  stream_options: z.looseObject({ include_usage: z.boolean().nullish() }).nullish(),
  max_tokens: TOKENS,
  min_tokens: TOKENS,
  ignore_eos: z.boolean().nullish(),
  stop: STOP,
};

const TOOL = z.looseObject({
  type: z.literal("function"),
  function: z.looseObject({ name: z.string().max(256), parameters: z.unknown().optional() }),
});
const TOOL_CHOICE = z.union([
  z.enum(["auto", "none", "required"]),
  z.looseObject({ function: z.looseObject({ name: z.string() }) }),
]);
const RESPONSE_FORMAT = z.looseObject({
  type: z.string(),
  json_schema: z.looseObject({ schema: z.unknown().optional() }).nullish(),
});

export const CHAT_REQUEST = z.looseObject({
  ...SAMPLING_FIELDS,
  messages: z.array(z.looseObject({ role: z.string() })).min(1),
  max_completion_tokens: TOKENS,
  tools: z.array(TOOL).nullish(),
  tool_choice: TOOL_CHOICE.nullish(),
  response_format: RESPONSE_FORMAT.nullish(),
});
export type ChatRequest = z.infer<typeof CHAT_REQUEST>;

type SamplingRequest = Pick<ChatRequest, "min_tokens" | "ignore_eos" | "stop">;

/** The script of an answer in words. */
export function wordScript(request: SamplingRequest, prompt: Prompt, maxTokens: number): Script {
  const stop = request.stop ?? [];
  return new WordScript(prompt.hash, {
    maxTokens,
    minTokens: request.min_tokens ?? 1,
    ignoreEnd: request.ignore_eos ?? false,
    stop: typeof stop === "string" ? [stop] : stop,
  });
}

/** What the model answers to a conversation: a tool call and the script of its arguments, or text. */
export function chatScript(
  request: ChatRequest,
  prompt: Prompt,
  maxTokens: number,
): { script: Script; toolCall: ToolCall | null } {
  const asked = request.tool_choice ?? "auto";
  const choice: ToolChoice = typeof asked === "object" ? { name: asked.function.name } : asked;
  const toolCall = chooseToolCall(prompt.hash, {
    tools: (request.tools ?? []).map((tool) => tool.function),
    choice,
    endsWithResult: request.messages.at(-1)?.role === "tool",
  });
  if (toolCall !== null) return { script: new TextScript(toolCall.arguments, maxTokens), toolCall };
  const format = request.response_format;
  if (format?.type === "json_schema" || format?.type === "json_object") {
    const schema = format.json_schema?.schema ?? { properties: { answer: { type: "string" } } };
    const text = JSON.stringify(jsonInstance(schema, prompt.hash));
    return { script: new TextScript(text, maxTokens), toolCall };
  }
  return { script: wordScript(request, prompt, maxTokens), toolCall };
}
