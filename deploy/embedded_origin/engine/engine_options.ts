/** How fast and how large the imitated inference engine is. */
export interface EngineOptions {
  /** Prompt tokens read per second, one prompt at a time; `Infinity`: prompts cost no time. */
  readonly prefillTokensPerSecond: number;
  /** Tokens per second of one stream that runs alone: sets the base of the step time. */
  readonly decodeTokensPerSecond: number;
  /** Milliseconds that every further running stream adds to a decode step. */
  readonly stepSlopeMs: number;
  /** Generations that run at the same time. */
  readonly maxBatch: number;
  /** Size of the KV cache in tokens: bounds the sum of prompt and largest output over all running generations. */
  readonly kvTokens: number;
  /** Generations that may wait for a place in the batch. */
  readonly maxWaiting: number;
}

export const DEFAULT_ENGINE_OPTIONS: EngineOptions = {
  prefillTokensPerSecond: 50_000,
  decodeTokensPerSecond: 50,
  stepSlopeMs: 0.02,
  maxBatch: 256,
  kvTokens: 1_048_576,
  maxWaiting: 20_000,
};
