/** One exchange on an HTTP/1.1 connection: the handler's view of the client. */
import { RelayError } from "../errors/relay_error.ts";
import { errorAnswer } from "../exchange/error_answer.ts";
import type { AnswerHead, AnswerReceiver, RequestHead, RequestReceiver } from "../exchange/exchange.ts";
import type { Fields } from "../exchange/fields.ts";
import { DISCARD } from "../exchange/refuse.ts";
import type { Http1RequestHead } from "../http1/request_head.ts";
import type { Http1Output } from "./serve_http1.ts";
import type { ServeOptions } from "./serve_options.ts";

export class Http1Exchange implements AnswerReceiver {
  readonly #output: Http1Output;
  readonly #head: Http1RequestHead;
  readonly #requestId: string;
  #request: RequestReceiver = DISCARD;
  #heldBytes = 0;
  #state: "awaited" | "streaming" | "over" = "awaited";

  constructor(output: Http1Output, { head, requestId }: { head: Http1RequestHead; requestId: string }) {
    this.#output = output;
    this.#head = head;
    this.#requestId = requestId;
  }

  /** Writes `error` as a whole answer to a request that never became an exchange. */
  static answerError(output: Http1Output, error: RelayError, requestId: string): void {
    const { head, body } = errorAnswer(error, requestId);
    output.codec.sendHead(head);
    output.codec.sendBody(body);
    output.codec.sendEnd(null);
    output.wake();
  }

  /** Request bytes that the handler has not consumed. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  start(options: ServeOptions): void {
    const { version, method, authority, path, fields, contentLength } = this.#head;
    const request: RequestHead = {
      context: {
        id: this.#requestId,
        kind: "client",
        clientAddress: options.clientAddress,
        protocol: `http/${version}`,
      },
      method,
      scheme: options.scheme,
      authority,
      path,
      fields,
      contentLength,
    };
    try {
      this.#request = options.handler(request, this);
    } catch (cause) {
      this.abort(new RelayError("internal_error", { source: "internal", cause }));
    }
  }

  requestBody(bytes: Uint8Array): void {
    if (this.#state === "over") return;
    this.#heldBytes += bytes.length;
    this.#request.body(bytes);
  }

  requestEnd(trailers: Fields | null): void {
    if (this.#state !== "over") this.#request.end(trailers);
  }

  requestAbort(error: RelayError): void {
    if (this.#state === "over") return;
    this.#state = "over";
    this.#request.abort(error);
  }

  answerConsumed(bytes: number): void {
    if (this.#state !== "over") this.#request.answerConsumed(bytes);
  }

  /** The request was refused in its middle, and the handler told so: the client gets the error or a broken answer. */
  breakOff(error: RelayError): void {
    if (this.#wasStreaming) {
      this.#output.codec.sendBreak();
      this.#output.wake();
    } else Http1Exchange.answerError(this.#output, error, this.#requestId);
  }

  informational(head: AnswerHead): void {
    if (this.#state !== "awaited") return;
    this.#output.codec.sendInformational(head);
    this.#output.wake();
  }

  head(head: AnswerHead): void {
    if (this.#state !== "awaited") return;
    this.#state = "streaming";
    this.#wasStreaming = true;
    this.#output.codec.sendHead(head);
    this.#output.wake();
  }

  body(bytes: Uint8Array): void {
    if (this.#state !== "streaming") return;
    this.#output.codec.sendBody(bytes);
    this.#output.answerBytesQueued(bytes.length);
    this.#output.wake();
  }

  end(trailers: Fields | null): void {
    if (this.#state !== "streaming") return;
    this.#state = "over";
    this.#output.codec.sendEnd(trailers);
    this.#output.exchangeEnded(this);
    this.#output.wake();
  }

  abort(error: RelayError): void {
    if (this.#state === "over") return;
    const isStreaming = this.#state === "streaming";
    this.#state = "over";
    if (isStreaming) this.#output.codec.sendBreak();
    else Http1Exchange.answerError(this.#output, error, this.#requestId);
    this.#output.exchangeEnded(this);
    this.#output.wake();
  }

  requestConsumed(bytes: number): void {
    if (this.#state === "over") return;
    this.#heldBytes -= bytes;
    this.#output.requestConsumed();
  }

  /** Whether the head went out, whatever came later. */
  #wasStreaming = false;
}
