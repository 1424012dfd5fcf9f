import type { OriginExchange } from "./origin_exchange.ts";

/** The names under which the one imitated model answers; the first one is the label of its metrics. */
export class ModelCatalog {
  readonly names: readonly string[];
  readonly #createdSeconds: number;
  readonly #maxModelTokens: number;

  constructor(names: readonly string[], options: { createdSeconds: number; maxModelTokens: number }) {
    this.names = names;
    this.#createdSeconds = options.createdSeconds;
    this.#maxModelTokens = options.maxModelTokens;
  }

  /** True if the model is served; answers 404 otherwise. */
  require(exchange: OriginExchange, name: string): boolean {
    if (this.names.includes(name)) return true;
    exchange.sendError({
      status: 404,
      message: `The model \`${name.slice(0, 200)}\` does not exist.`,
      type: "invalid_request_error",
      param: "model",
      code: "model_not_found",
    });
    return false;
  }

  /** The model object of OpenAI's API with vLLM's additions. */
  describe(name: string): Record<string, unknown> {
    return {
      id: name,
      object: "model",
      created: this.#createdSeconds,
      owned_by: "lowu",
      root: this.names[0],
      parent: null,
      max_model_len: this.#maxModelTokens,
    };
  }
}
