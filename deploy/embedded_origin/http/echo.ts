import type { RelayError } from "../../../shared/errors/relay_error.ts";
import type { AnswerReceiver, RequestHead, RequestReceiver } from "../../../shared/exchange/exchange.ts";
import { Fields } from "../../../shared/exchange/fields.ts";

/** Sends a request's body and trailers back while they arrive: the answer's window is the request's window. */
class Echo implements RequestReceiver {
  readonly #answer: AnswerReceiver;
  readonly #contentType: string;
  #isHeadSent = false;
  #isAborted = false;

  constructor(answer: AnswerReceiver, contentType: string) {
    this.#answer = answer;
    this.#contentType = contentType;
  }

  sendHead(): void {
    if (this.#isHeadSent || this.#isAborted) return;
    this.#isHeadSent = true;
    this.#answer.head({
      status: 200,
      fields: new Fields(["content-type", this.#contentType]),
      contentLength: null,
    });
  }

  body(bytes: Uint8Array): void {
    this.sendHead();
    this.#answer.body(bytes);
  }

  end(trailers: Fields | null): void {
    this.sendHead();
    this.#answer.end(trailers);
  }

  abort(_error: RelayError): void {
    this.#isAborted = true;
  }

  answerConsumed(bytes: number): void {
    this.#answer.requestConsumed(bytes);
  }
}

/** Answers with the request's own body; the head goes out before any of the body has come. */
export function echo(request: RequestHead, answer: AnswerReceiver): RequestReceiver {
  const exchange = new Echo(answer, request.fields.get("content-type") ?? "application/octet-stream");
  queueMicrotask(() => exchange.sendHead());
  return exchange;
}
