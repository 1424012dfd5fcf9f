/** Why the engine ended a generation by itself. */
export type FinishReason = "stop" | "length";

/** What the engine must know to run one generation; what its tokens say is none of its business. */
export interface GenerationRequest {
  readonly promptTokens: number;
  /** Output tokens that KV cache is reserved for; at least `outputTokens`. */
  readonly maxTokens: number;
  /** Output tokens after which the generation ends, at least 1. */
  readonly outputTokens: number;
  readonly finishReason: FinishReason;
}

/** Where a generation's tokens go. Calls come from within `Engine.advance` and may abort, pause or resume. */
export interface TokenSink {
  /** Token number `index`, from 0. */
  token(index: number): void;
  /** The last token was given. */
  finished(): void;
}

export type GenerationState = "waiting" | "prefilling" | "decoding" | "paused" | "finished" | "aborted";

/** One generation inside the engine; only the engine writes to it. */
export class Generation {
  state: GenerationState = "waiting";
  /** Tokens given so far. */
  produced = 0;
  /** True while one of the engine's step lists holds it, be it dead or alive. */
  isListed = false;
  lastTokenAt = 0;
  readonly submittedAt: number;
  readonly request: GenerationRequest;
  readonly sink: TokenSink;

  constructor(request: GenerationRequest, sink: TokenSink, now: number) {
    this.request = request;
    this.sink = sink;
    this.submittedAt = now;
  }

  /** Tokens of KV cache that it holds from entering the batch until its end. */
  get kvTokens(): number {
    return this.request.promptTokens + this.request.maxTokens;
  }
}
