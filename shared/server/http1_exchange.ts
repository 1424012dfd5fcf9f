/**
 * One exchange on an HTTP/1.1 connection: the handler's view of the client.
 *
 * Its two messages end on their own. The answer is over for the handler before its last byte has left the process, so
 * the exchange stays with its connection until then and goes on reporting what was consumed. An aborted request is
 * replaced by one that ignores everything: nothing reaches the handler after an abort from either side.
 */
import { RelayError } from "../errors/relay_error.ts";
import { errorAnswer } from "../exchange/error_answer.ts";
import type { AnswerHead, AnswerReceiver, RequestHead, RequestReceiver } from "../exchange/exchange.ts";
import type { Fields } from "../exchange/fields.ts";
import { DISCARD } from "../exchange/refuse.ts";
import type { Http1RequestHead, Http1ServerCodec } from "../http1/http1_server_codec.ts";
import type { ServeOptions } from "./serve_options.ts";

/** What an exchange asks of its connection. */
export interface Http1ExchangePort {
  readonly codec: Http1ServerCodec;
  /** The codec may have output. */
  wake(): void;
  /** Body bytes of an answer were given to the codec: they are reported once they have left. */
  answerBytesQueued(bytes: number): void;
  /** The handler has room for more of the request. */
  requestConsumed(): void;
}

export class Http1Exchange implements AnswerReceiver {
  readonly #port: Http1ExchangePort;
  readonly #requestId: string;
  #request: RequestReceiver = DISCARD;
  #isRequestEnded = false;
  #heldBytes = 0;
  #answer: "awaited" | "streaming" | "over" = "awaited";

  constructor(port: Http1ExchangePort, requestId: string) {
    this.#port = port;
    this.#requestId = requestId;
  }

  /** Request bytes that the handler has not consumed. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** The answer is complete, or was cut: what is left of it waits in the codec. */
  get isAnswerOver(): boolean {
    return this.#answer === "over";
  }

  start(head: Http1RequestHead, options: ServeOptions): void {
    const { version, method, authority, path, fields, contentLength } = head;
    const { clientAddress, scheme } = options;
    const request: RequestHead = {
      context: { id: this.#requestId, kind: "client", clientAddress, protocol: `http/${version}` },
      ...{ method, scheme, authority, path, fields, contentLength },
    };
    try {
      this.#request = options.handler(request, this);
    } catch (cause) {
      this.#fault(cause);
    }
  }

  // From the connection.

  requestBody(bytes: Uint8Array): void {
    if (this.#request === DISCARD) return;
    this.#heldBytes += bytes.length;
    this.#request.body(bytes);
  }

  requestEnd(trailers: Fields | null): void {
    this.#isRequestEnded = true;
    this.#request.end(trailers);
  }

  /** Tells the handler that the request will not be completed, or that nobody waits for the answer. */
  requestAbort(error: RelayError): void {
    this.#answer = "over";
    this.#dropRequest().abort(error);
  }

  /** The request was refused in its middle: the client gets the error, or a broken answer. */
  refuse(error: RelayError): void {
    const answer = this.#answer;
    this.requestAbort(error);
    if (answer !== "over") this.#cut(error, answer);
  }

  /** Body bytes of the answer have left. */
  answerConsumed(bytes: number): void {
    this.#request.answerConsumed(bytes);
  }

  /** The whole answer has left: a request that goes on is of no more use. */
  finish(): void {
    if (this.#isRequestEnded) return;
    const message = "The answer was complete before the request.";
    this.#dropRequest().abort(new RelayError("client_left", { source: "downstream", message }));
  }

  // From the handler.

  informational(head: AnswerHead): void {
    if (this.#answer !== "awaited") return;
    this.#send(() => this.#port.codec.sendInformational(head));
  }

  head(head: AnswerHead): void {
    if (this.#answer !== "awaited") return;
    this.#send(() => {
      this.#port.codec.sendHead(head);
      this.#answer = "streaming";
    });
  }

  body(bytes: Uint8Array): void {
    if (this.#answer !== "streaming") return;
    try {
      this.#port.codec.sendBody(bytes);
    } catch (cause) {
      return this.#fault(cause);
    }
    this.#port.answerBytesQueued(bytes.length);
    this.#port.wake();
  }

  end(trailers: Fields | null): void {
    if (this.#answer !== "streaming") return;
    this.#send(() => {
      this.#port.codec.sendEnd(trailers);
      this.#answer = "over";
    });
  }

  abort(error: RelayError): void {
    this.#dropRequest();
    const answer = this.#answer;
    if (answer === "over") return;
    this.#answer = "over";
    this.#cut(error, answer);
  }

  requestConsumed(bytes: number): void {
    if (this.#request === DISCARD) return;
    this.#heldBytes -= bytes;
    this.#port.requestConsumed();
  }

  #send(step: () => void): void {
    try {
      step();
    } catch (cause) {
      return this.#fault(cause);
    }
    this.#port.wake();
  }

  /** The handler threw, or said what no message can be: neither side may take the exchange for complete. */
  #fault(cause: unknown): void {
    this.#port.codec.drain();
    this.refuse(new RelayError("internal_error", { source: "internal", cause }));
  }

  #cut(error: RelayError, answer: "awaited" | "streaming"): void {
    if (answer === "streaming") this.#port.codec.sendBreak();
    else sendErrorAnswer(this.#port.codec, { error, requestId: this.#requestId });
    this.#port.wake();
  }

  #dropRequest(): RequestReceiver {
    const request = this.#request;
    this.#request = DISCARD;
    this.#isRequestEnded = true;
    this.#heldBytes = 0;
    this.#port.requestConsumed();
    return request;
  }
}

/** Writes `error` as a whole answer to a request that no handler works on. */
export function sendErrorAnswer(
  codec: Http1ServerCodec,
  { error, requestId }: { error: RelayError; requestId: string },
): void {
  const { head, body } = errorAnswer(error, requestId);
  codec.sendHead(head);
  codec.sendBody(body);
  codec.sendEnd(null);
}
