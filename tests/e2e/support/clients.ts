/** OpenAI's own client, and plain `fetch`, pointed at an edge whose certificate authority they trust. */
import OpenAI from "openai";
import type { Relay } from "./relay.ts";

export type Protocol = "http/1.1" | "h2";
export const PROTOCOLS: readonly Protocol[] = ["h2", "http/1.1"];

/** A `fetch` that trusts the relay and speaks one protocol only; to be disposed of. */
export class RelayClient implements Disposable {
  readonly #client: Deno.HttpClient;
  readonly #relay: Relay;

  constructor(relay: Relay, protocol: Protocol, options: { ca?: string } = {}) {
    this.#relay = relay;
    this.#client = Deno.createHttpClient({
      caCerts: [options.ca ?? relay.ca],
      http1: protocol === "http/1.1",
      http2: protocol === "h2",
    });
  }

  /** @param path within the edge */
  fetch(path: string, init: RequestInit = {}): Promise<Response> {
    const headers = new Headers(init.headers);
    if (!headers.has("authorization")) headers.set("authorization", `Bearer ${this.#relay.key}`);
    return fetch(this.#relay.url + path, { ...init, headers, client: this.#client });
  }

  /** A chat that is asked for as JSON. */
  chat(body: Record<string, unknown>, init: RequestInit = {}): Promise<Response> {
    const headers = new Headers(init.headers);
    headers.set("content-type", "application/json");
    const messages = [{ role: "user", content: "Which way to the border?" }];
    return this.fetch("/v1/chat/completions", {
      method: "POST",
      body: JSON.stringify({ model: "lowu-demo", messages, ...body }),
      ...init,
      headers,
    });
  }

  /** OpenAI's SDK over this client. */
  openAi(options: { apiKey?: string; maxRetries?: number; timeout?: number } = {}): OpenAI {
    return new OpenAI({
      baseURL: `${this.#relay.url}/v1`,
      apiKey: this.#relay.key,
      maxRetries: 0,
      ...options,
      fetch: (input, init) => fetch(input, { ...init, client: this.#client }),
    });
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }
}
