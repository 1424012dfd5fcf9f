import { hexOf, mix } from "./hash.ts";
import { jsonInstance } from "./json_instance.ts";

export interface Tool {
  readonly name: string;
  /** JSON schema of the arguments. */
  readonly parameters?: unknown;
}

/** `auto`: unless the conversation ends with a tool's result; `none`; `required`; or the tool of that name. */
export type ToolChoice = "auto" | "none" | "required" | { readonly name: string };

export interface ToolCall {
  /** `call_` and 24 hexadecimal digits. */
  readonly id: string;
  readonly name: string;
  /** JSON text. */
  readonly arguments: string;
}

/** The call that follows from `hash`; null: the model answers with text. */
export function chooseToolCall(
  hash: number,
  options: { tools: readonly Tool[]; choice: ToolChoice; endsWithResult: boolean },
): ToolCall | null {
  const { tools, choice, endsWithResult } = options;
  if (choice === "none" || (choice === "auto" && endsWithResult)) return null;
  const tool = typeof choice === "object"
    ? tools.find((one) => one.name === choice.name)
    : tools[hash % tools.length];
  if (tool === undefined) return null;
  const callHash = mix(hash, 0x746f6f6c);
  return {
    id: "call_" + hexOf(callHash, 24),
    name: tool.name,
    arguments: JSON.stringify(jsonInstance(tool.parameters, callHash)),
  };
}
