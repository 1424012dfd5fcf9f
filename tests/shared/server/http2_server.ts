import assert from "node:assert/strict";
import type { AnswerReceiver, ExchangeHandler, RequestHead } from "../../../shared/exchange/exchange.ts";
import { Fields } from "../../../shared/exchange/fields.ts";
import { DEFAULT_HTTP1_LIMITS } from "../../../shared/http1/http1_limits.ts";
import { DEFAULT_HTTP2_LIMITS, type Http2Limits } from "../../../shared/http2/http2_limits.ts";
import { serveHttp2 } from "../../../shared/server/serve_http2.ts";

export const HELLO = new TextEncoder().encode("hello");

/** One exchange as the handler saw it. */
export class Seen {
  body = 0;
  isEnded = false;
  trailers: Fields | null = null;
  aborted: string | null = null;
  consumed = 0;

  constructor(readonly head: RequestHead, readonly answer: AnswerReceiver) {}
}

export interface TestServerOptions {
  /** Called soon after the handler has returned. */
  onStart?(seen: Seen): void;
  /** Called when the request is complete. */
  onEnd?(seen: Seen): void;
  limits?: Partial<Http2Limits>;
  stallTimeoutMs?: number;
}

/** Serves connections on loopback; the handler records, consumes at once and lets the hooks answer. */
export class TestServer implements AsyncDisposable {
  readonly seen: Seen[] = [];
  readonly refused: string[] = [];
  readonly drain = new AbortController();
  started = 0;
  ended = 0;
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #options: TestServerOptions;
  readonly #served: Promise<void>[] = [];
  #waiting: (() => void)[] = [];
  readonly #accepting: Promise<void>;

  constructor(options: TestServerOptions = {}) {
    this.#options = options;
    this.#accepting = this.#accept();
  }

  get port(): number {
    return (this.#listener.addr as Deno.NetAddr).port;
  }

  /** Resolves when `isMet()` holds after the handler was called. */
  async until(isMet: () => boolean): Promise<void> {
    while (!isMet()) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  /** All connections so far are done. */
  async allServed(): Promise<void> {
    await Promise.all(this.#served);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await this.#accepting;
    await this.allServed();
    assert.equal(this.started, this.ended, "exchanges started and ended");
  }

  async #accept(): Promise<void> {
    for await (const connection of this.#listener) {
      connection.setNoDelay(true);
      let id = 0;
      this.#served.push(serveHttp2(connection, {
        handler: this.#handler,
        scheme: "http",
        clientAddress: "127.0.0.1",
        newRequestId: () => `r${++id}`,
        clock: () => performance.now(),
        http1: DEFAULT_HTTP1_LIMITS,
        http2: { ...DEFAULT_HTTP2_LIMITS, ...this.#options.limits },
        stallTimeoutMs: this.#options.stallTimeoutMs ?? 60_000,
        signal: this.drain.signal,
        observer: {
          exchangeStarted: () => this.started++,
          exchangeEnded: () => this.#changed(() => this.ended++),
          refused: (error) => this.#changed(() => this.refused.push(error.code)),
          bytesIn() {},
          bytesOut() {},
        },
      }));
    }
  }

  readonly #handler: ExchangeHandler = (head, answer) => {
    const seen = new Seen(head, answer);
    this.seen.push(seen);
    queueMicrotask(() => this.#changed(() => this.#options.onStart?.(seen)));
    return {
      body: (bytes) => {
        seen.body += bytes.length;
        answer.requestConsumed(bytes.length);
      },
      end: (trailers) =>
        this.#changed(() => {
          seen.isEnded = true;
          seen.trailers = trailers;
          this.#options.onEnd?.(seen);
        }),
      abort: (error) => this.#changed(() => seen.aborted = error.code),
      answerConsumed: (bytes) => this.#changed(() => seen.consumed += bytes),
    };
  };

  #changed(change: () => unknown): void {
    change();
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

/** Answers with five bytes. */
export function hello(seen: Seen): void {
  const fields = new Fields(["content-type", "text/plain"]);
  seen.answer.head({ status: 200, fields, contentLength: HELLO.length });
  seen.answer.body(HELLO);
  seen.answer.end(null);
}
