import { Fields } from "../../../shared/exchange/fields.ts";
import type { EngineDriver } from "../engine/engine_driver.ts";
import type { Generation, TokenSink } from "../engine/generation.ts";
import { hexOf, mix } from "../model/hash.ts";
import type { Prompt } from "../model/prompt.ts";
import type { Script } from "../model/script.ts";
import { loadReport } from "./load_report.ts";
import type { AnswerSource, OriginExchange } from "./origin_exchange.ts";
import { type StreamFormat, TokenWriter } from "./stream_format.ts";

/** Output tokens of a request that does not say how many it wants. */
const DEFAULT_MAX_TOKENS = 1024;
/** What a client of a full engine is told to wait. */
const RETRY_AFTER_SECONDS = 1;

/** What one request wants generated and how it wants to be answered. */
export interface GenerationJob {
  readonly prompt: Prompt;
  readonly maxTokens: number;
  readonly script: Script;
  /** `format`: as a stream of events; `whole`: as one JSON value, made when the last token is there. */
  readonly answer: { readonly format: StreamFormat } | { readonly whole: () => unknown };
}

/** Runs one generation and answers one exchange with it. */
class GenerationAnswer implements TokenSink, AnswerSource {
  #generation: Generation | null = null;
  #hasLeft = false;
  #isHeadSent = false;
  readonly #exchange: OriginExchange;
  readonly #job: GenerationJob;
  readonly #driver: EngineDriver;
  readonly #writer: TokenWriter;
  readonly #format: StreamFormat | null;

  constructor(exchange: OriginExchange, job: GenerationJob, driver: EngineDriver, writer: TokenWriter) {
    this.#exchange = exchange;
    this.#job = job;
    this.#driver = driver;
    this.#writer = writer;
    this.#format = "format" in job.answer ? job.answer.format : null;
  }

  /** False: the engine's queue is full. */
  start(): boolean {
    const { prompt, maxTokens, script } = this.#job;
    this.#generation = this.#driver.submit({
      promptTokens: prompt.tokens,
      maxTokens,
      outputTokens: script.tokenCount,
      finishReason: script.finishReason,
    }, this);
    if (this.#generation === null) return false;
    if (this.#format !== null) this.#sendStreamHead();
    if (this.#hasLeft) this.left();
    return true;
  }

  token(index: number): void {
    const format = this.#format;
    if (format === null) return;
    if (index === 0) this.#sendStreamHead();
    this.#exchange.sendBody(this.#writer.write(format, index, this.#job.script.jsonAt(index)));
  }

  finished(): void {
    const answer = this.#job.answer;
    if ("format" in answer) {
      this.#exchange.sendBody(answer.format.closing());
      this.#exchange.sendEnd();
      return;
    }
    const fields = new Fields();
    const asked = this.#exchange.request.fields.get("endpoint-load-metrics-format");
    if (asked !== undefined) fields.append("endpoint-load-metrics", loadReport(this.#driver.engine, asked));
    this.#exchange.sendJson(answer.whole(), fields);
  }

  left(): void {
    this.#hasLeft = true;
    if (this.#generation !== null) this.#driver.abort(this.#generation);
  }

  pause(): void {
    if (this.#generation !== null) this.#driver.pause(this.#generation);
  }

  resume(): void {
    if (this.#generation !== null) this.#driver.resume(this.#generation);
  }

  /** As vLLM does, the head goes out when the request is queued, not with the first token. */
  #sendStreamHead(): void {
    if (this.#isHeadSent) return;
    this.#isHeadSent = true;
    this.#exchange.sendHead(200, new Fields(["content-type", "text/event-stream; charset=utf-8"]), null);
  }
}

/** Gives requests to the engine and its tokens to their answers. */
export class GenerationService {
  readonly #driver: EngineDriver;
  readonly #seed: number;
  readonly #writer = new TokenWriter();
  #requests = 0;

  constructor(driver: EngineDriver, seed: number) {
    this.#driver = driver;
    this.#seed = seed;
  }

  /** An id no other request of this process has; follows from the seed and the number of requests before. */
  nextId(prefix: string): string {
    return prefix + hexOf(mix(this.#seed, ++this.#requests), 24);
  }

  /** Output tokens to reserve for `prompt`; null: the request is too long, and has been answered so. */
  maxTokensFor(exchange: OriginExchange, prompt: Prompt, asked: number | null): number | null {
    const kvTokens = this.#driver.engine.options.kvTokens;
    const maxTokens = asked ?? Math.min(DEFAULT_MAX_TOKENS, kvTokens - prompt.tokens);
    if (maxTokens >= 1 && this.#driver.engine.fits(prompt.tokens, maxTokens)) return maxTokens;
    const total = prompt.tokens + Math.max(1, maxTokens);
    exchange.sendInvalid(
      `This model's maximum context length is ${kvTokens} tokens. However, you requested ${total} tokens.`,
      "messages",
      "context_length_exceeded",
    );
    return null;
  }

  run(exchange: OriginExchange, job: GenerationJob): void {
    const answer = new GenerationAnswer(exchange, job, this.#driver, this.#writer);
    exchange.answerFrom(answer);
    if (answer.start()) return;
    exchange.sendError({
      status: 503,
      message: "The engine's queue is full. Try again shortly.",
      type: "server_error",
      param: null,
      code: "engine_overloaded",
    }, new Fields(["retry-after", String(RETRY_AFTER_SECONDS)]));
  }
}
