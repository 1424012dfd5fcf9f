import type { Asked, Http2Client } from "./http2_client.ts";
import { type StreamEvents, StreamLoad, type StreamLoadOptions, type StreamReport } from "./stream_load.ts";
import { TokenChecker } from "./token_checker.ts";

export interface TokenLoadOptions extends StreamLoadOptions {
  /** Of each stream. */
  readonly tokens: number;
  /** Between two tokens of a stream. */
  readonly intervalMs: number;
}

export interface TokenReport extends StreamReport {
  readonly tokens: number;
  /** Longest time that a stream waited between two of its tokens. */
  readonly longestGapMs: number;
}

/** Streams of numbered tokens, each checked byte by byte. */
export class TokenLoad {
  readonly #options: TokenLoadOptions;
  readonly #load: StreamLoad;
  #tokens = 0;
  #longestGapMs = 0;

  constructor(options: TokenLoadOptions) {
    this.#options = options;
    this.#load = new StreamLoad(options, (client, events) => this.#begin(client, events));
  }

  async start(): Promise<void> {
    await this.#load.start();
  }

  async finish(): Promise<void> {
    await this.#load.finish();
  }

  report(): TokenReport {
    const longestGapMs = Math.round(this.#longestGapMs);
    return { ...this.#load.report(), tokens: this.#tokens, longestGapMs };
  }

  #begin(client: Http2Client, events: StreamEvents): void {
    const { tokens, intervalMs } = this.#options;
    const stream = new TokenStream(tokens, events);
    stream.onTokens = (count, gapMs) => {
      this.#tokens += count;
      this.#longestGapMs = Math.max(this.#longestGapMs, gapMs);
    };
    client.ask({ path: `/tokens?interval=${intervalMs}&count=${tokens}&prompt`, bodyBytes: 0 }, stream);
  }
}

class TokenStream implements Asked {
  readonly #checker = new TokenChecker();
  readonly #expected: number;
  readonly #events: StreamEvents;
  #status = 0;
  #refusal = "";
  #lastAtMs: number | null = null;
  onTokens: (count: number, gapMs: number) => void = () => {};

  constructor(expected: number, events: StreamEvents) {
    this.#expected = expected;
    this.#events = events;
  }

  onHead(status: number): void {
    this.#status = status;
    this.#events.answered();
  }

  onBody(bytes: Uint8Array): void {
    if (this.#status !== 200) {
      this.#refusal += new TextDecoder().decode(bytes);
      return;
    }
    const before = this.#checker.tokens;
    this.#checker.scan(bytes);
    const count = this.#checker.tokens - before;
    if (count === 0) return;
    const nowMs = performance.now();
    this.onTokens(count, this.#lastAtMs === null ? 0 : nowMs - this.#lastAtMs);
    this.#lastAtMs = nowMs;
  }

  onSent(): void {}

  onClosed(reason: string | null): void {
    this.#events.over(this.#outcome(reason));
  }

  #outcome(reason: string | null): string {
    const { problem, tokens, errorCode, isBetweenTokens } = this.#checker;
    if (problem !== null) return `wrong: ${problem}`;
    if (this.#status !== 200 && reason === null) {
      return `status ${this.#status} ${/"code":"(\w+)"/.exec(this.#refusal)?.[1]}`;
    }
    if (errorCode !== null) return `error event ${errorCode}${reason === null ? " and a clean end" : ""}`;
    if (reason !== null) return `cut: ${reason}`;
    const isWhole = isBetweenTokens && tokens === this.#expected;
    return isWhole ? "whole" : `wrong: a clean end after ${tokens} tokens`;
  }
}
