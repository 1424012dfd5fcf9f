import type { z } from "zod";
import type { BodySink, OriginExchange } from "./origin_exchange.ts";

/** Largest JSON body that is read. */
const MAX_JSON_BYTES = 16 * 1024 * 1024;

/** Collects a request's body up to a bound and hands it on as a whole; answers 413 beyond the bound. */
export class WholeBody implements BodySink {
  readonly #exchange: OriginExchange;
  readonly #maxBytes: number;
  readonly #whole: (bytes: Uint8Array) => void;
  #bytes = new Uint8Array(0);
  #length = 0;

  constructor(exchange: OriginExchange, maxBytes: number, whole: (bytes: Uint8Array) => void) {
    this.#exchange = exchange;
    this.#maxBytes = maxBytes;
    this.#whole = whole;
  }

  body(bytes: Uint8Array): void {
    const needed = this.#length + bytes.length;
    if (needed > this.#maxBytes) {
      this.#bytes = new Uint8Array(0);
      const message = `The request body is larger than ${this.#maxBytes} bytes.`;
      this.#exchange.sendError({
        status: 413,
        message,
        type: "invalid_request_error",
        param: null,
        code: null,
      });
      return;
    }
    if (needed > this.#bytes.length) {
      const announced = Math.min(this.#exchange.request.contentLength ?? 0, this.#maxBytes);
      const grown = new Uint8Array(Math.max(needed, announced, this.#length * 2));
      grown.set(this.#bytes.subarray(0, this.#length));
      this.#bytes = grown;
    }
    this.#bytes.set(bytes, this.#length);
    this.#length = needed;
  }

  end(): void {
    this.#whole(this.#bytes.subarray(0, this.#length));
  }
}

/** Reads a JSON body of the shape `schema`; anything else is answered with 400. */
export function jsonBody<T>(
  exchange: OriginExchange,
  schema: z.ZodType<T>,
  accept: (value: T) => void,
): BodySink {
  return new WholeBody(exchange, MAX_JSON_BYTES, (bytes) => {
    let value: unknown;
    try {
      value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    } catch (error) {
      exchange.sendInvalid(`The request body is not JSON: ${error instanceof Error ? error.message : "?"}`);
      return;
    }
    const parsed = schema.safeParse(value);
    if (parsed.success) return accept(parsed.data);
    const issue = parsed.error.issues[0];
    exchange.sendInvalid(issue?.message ?? "The request body is not valid.", issue?.path.join(".") || null);
  });
}
