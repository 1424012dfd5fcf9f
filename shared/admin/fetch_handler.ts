/**
 * Serves a `fetch`-style application (Request → Response) as an exchange handler: for control pages, not for relayed
 * traffic. A request's body is collected before the application is asked; an answer's body is sent as it comes,
 * one exchange window ahead of the client at the most.
 */
import { RelayError } from "../errors/relay_error.ts";
import {
  type AnswerReceiver,
  EXCHANGE_WINDOW_BYTES,
  type ExchangeHandler,
  type RequestHead,
  type RequestReceiver,
} from "../exchange/exchange.ts";
import { Fields } from "../exchange/fields.ts";

export interface FetchHandlerOptions {
  /** A larger request is refused with `request_too_large`. @default 1 MiB */
  maxRequestBytes?: number;
}

export type Fetch = (request: Request) => Response | Promise<Response>;

const DEFAULT_MAX_REQUEST_BYTES = 1024 * 1024;
/** What the exchange contract keeps out of `fields`, or what belongs to one connection only. */
const CONNECTION_FIELDS = new Set([
  "connection",
  "keep-alive",
  "transfer-encoding",
  "upgrade",
  "content-length",
]);

/** The request's signal is aborted when the client leaves. What `fetch` throws becomes `internal_error`. */
export function fetchHandler(fetch: Fetch, options: FetchHandlerOptions = {}): ExchangeHandler {
  const maxRequestBytes = options.maxRequestBytes ?? DEFAULT_MAX_REQUEST_BYTES;
  return (head, answer) => new FetchExchange({ fetch, maxRequestBytes, head, answer });
}

interface FetchExchangeOptions {
  fetch: Fetch;
  maxRequestBytes: number;
  head: RequestHead;
  answer: AnswerReceiver;
}

class FetchExchange implements RequestReceiver {
  readonly #options: FetchExchangeOptions;
  readonly #left = new AbortController();
  #chunks: Uint8Array<ArrayBuffer>[] = [];
  #requestBytes = 0;
  /** Answer bytes sent and not consumed. */
  #unconsumedBytes = 0;
  #isOver = false;
  #roomMade: (() => void) | null = null;
  #reader: ReadableStreamDefaultReader<Uint8Array> | null = null;

  constructor(options: FetchExchangeOptions) {
    this.#options = options;
  }

  body(bytes: Uint8Array): void {
    if (this.#isOver) return;
    this.#requestBytes += bytes.length;
    if (this.#requestBytes > this.#options.maxRequestBytes) {
      const message = `The request's body is larger than ${this.#options.maxRequestBytes} bytes.`;
      return this.#fail(new RelayError("request_too_large", { source: "downstream", message }));
    }
    this.#chunks.push(bytes.slice());
    this.#options.answer.requestConsumed(bytes.length);
  }

  end(): void {
    if (!this.#isOver) void this.#run();
  }

  abort(error: RelayError): void {
    this.#isOver = true;
    this.#chunks = [];
    this.#left.abort(error);
    // Ends a read that waits for the application; that its stream failed to stop concerns nobody any more.
    this.#reader?.cancel(error).catch(() => undefined);
    this.#roomMade?.();
  }

  answerConsumed(bytes: number): void {
    this.#unconsumedBytes -= bytes;
    this.#roomMade?.();
  }

  async #run(): Promise<void> {
    const { answer, head } = this.#options;
    try {
      const response = await this.#options.fetch(this.#toRequest());
      if (this.#isOver) return discard(response);
      const length = response.headers.get("content-length");
      const contentLength = response.body === null
        ? Number(length ?? 0)
        : length === null
        ? null
        : Number(length);
      answer.head({ status: response.status, fields: toFields(response.headers), contentLength });
      if (head.method === "HEAD") discard(response);
      else if (response.body !== null) await this.#sendBody(response.body);
      if (this.#isOver) return;
      this.#isOver = true;
      answer.end(null);
    } catch (cause) {
      this.#fail(new RelayError("internal_error", { source: "internal", cause }));
    }
  }

  #fail(error: RelayError): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#chunks = [];
    this.#left.abort(error);
    this.#options.answer.abort(error);
  }

  #toRequest(): Request {
    const { method, scheme, authority, path, fields } = this.#options.head;
    const headers = new Headers();
    for (const [name, value] of fields) headers.append(name, value);
    headers.set("host", authority);
    const body = method === "GET" || method === "HEAD" || this.#chunks.length === 0
      ? null
      : new Blob(this.#chunks);
    this.#chunks = [];
    const url = `${scheme}://${authority}${path === "*" ? "/" : path}`;
    return new Request(url, { method, headers, body, signal: this.#left.signal });
  }

  async #sendBody(body: ReadableStream<Uint8Array>): Promise<void> {
    const reader = body.getReader();
    this.#reader = reader;
    try {
      while (!this.#isOver) {
        const { done, value } = await reader.read();
        if (done) return;
        for (let offset = 0; offset < value.length && !this.#isOver;) {
          const room = EXCHANGE_WINDOW_BYTES - this.#unconsumedBytes;
          if (room <= 0) {
            await new Promise<void>((resolve) => this.#roomMade = resolve);
            continue;
          }
          const piece = value.subarray(offset, offset + room);
          offset += piece.length;
          this.#unconsumedBytes += piece.length;
          this.#options.answer.body(piece);
        }
      }
    } finally {
      this.#reader = null;
      reader.releaseLock();
    }
  }
}

/** That an unwanted stream failed to stop concerns nobody. */
function discard(response: Response): void {
  response.body?.cancel().catch(() => undefined);
}

function toFields(headers: Headers): Fields {
  const fields = new Fields();
  for (const [name, value] of headers) if (!CONNECTION_FIELDS.has(name)) fields.append(name, value);
  return fields;
}
