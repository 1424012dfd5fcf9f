/** Both ends of an exchange for tests over real sockets: they write down what they are told and can be waited for. */
import type { RelayError } from "../../shared/errors/relay_error.ts";
import type {
  AnswerHead,
  AnswerReceiver,
  ExchangeHandler,
  RequestHead,
  RequestReceiver,
} from "../../shared/exchange/exchange.ts";
import type { Fields } from "../../shared/exchange/fields.ts";
import { latin1 } from "./raw_peer.ts";
import { Watch } from "./watch.ts";

/** Consumes at once, or only what the test says. */
export type Appetite = "eager" | "manual";

abstract class LiveEnd {
  readonly calls: string[] = [];
  text = "";
  /** Length of the body so far. */
  bodyBytes = 0;
  /** What the other end reported as consumed. */
  consumedBytes = 0;
  trailers: Fields | null = null;
  error: RelayError | null = null;
  readonly watch = new Watch();

  /** Resolves when a call beginning with `call` has come. */
  until(call: string): Promise<void> {
    return this.untilTrue(() => this.calls.some((made) => made.startsWith(call)), call);
  }

  untilTrue(condition: () => boolean, wanted = ""): Promise<void> {
    return this.watch.until(condition, () => `${wanted} is not among ${this.calls.slice(-20).join(", ")}`);
  }

  protected note(call: string): void {
    this.calls.push(call);
    this.watch.changed();
  }

  protected noteBody(bytes: Uint8Array): void {
    this.bodyBytes += bytes.length;
    if (this.text.length < 1_000_000) this.text += latin1(bytes);
    this.note(`body ${bytes.length}`);
  }

  protected noteEnd(trailers: Fields | null): void {
    this.trailers = trailers;
    this.note("end");
  }

  protected noteAbort(error: RelayError): void {
    this.error = error;
    this.note(`abort ${error.code}`);
  }

  protected noteConsumed(bytes: number): void {
    this.consumedBytes += bytes;
    this.watch.changed();
  }
}

/** The inner end: what a driver hands to its handler. */
export class LiveRequest extends LiveEnd implements RequestReceiver {
  readonly head: RequestHead;
  readonly answer: AnswerReceiver;
  readonly #appetite: Appetite;

  constructor(head: RequestHead, answer: AnswerReceiver, appetite: Appetite) {
    super();
    this.head = head;
    this.answer = answer;
    this.#appetite = appetite;
  }

  body(bytes: Uint8Array): void {
    this.noteBody(bytes);
    if (this.#appetite === "eager") this.answer.requestConsumed(bytes.length);
  }

  end(trailers: Fields | null): void {
    this.noteEnd(trailers);
  }

  abort(error: RelayError): void {
    this.noteAbort(error);
  }

  answerConsumed(bytes: number): void {
    this.noteConsumed(bytes);
  }
}

/** A handler that hands its exchanges to the test, in order. */
export class LiveHandler {
  readonly requests: LiveRequest[] = [];
  appetite: Appetite = "eager";
  /** Called for each exchange, once the handler has returned. */
  onRequest: (request: LiveRequest) => void = () => {};
  readonly #watch = new Watch();

  readonly handler: ExchangeHandler = (head, answer) => {
    const request = new LiveRequest(head, answer, this.appetite);
    this.requests.push(request);
    queueMicrotask(() => {
      this.onRequest(request);
      this.#watch.changed();
    });
    return request;
  };

  /** The exchange of that number, counted from 0. */
  async request(index: number): Promise<LiveRequest> {
    await this.#watch.until(
      () => this.requests.length > index,
      () => `${this.requests.length} requests came`,
    );
    const request = this.requests[index];
    if (request === undefined) throw new Error("unreachable");
    return request;
  }
}

/** The outer end: takes an answer from the handler under test. */
export class LiveAnswer extends LiveEnd implements AnswerReceiver {
  heads: AnswerHead[] = [];
  informationals: AnswerHead[] = [];
  request: RequestReceiver | null = null;
  readonly #appetite: Appetite;

  constructor(appetite: Appetite = "eager") {
    super();
    this.#appetite = appetite;
  }

  informational(head: AnswerHead): void {
    this.informationals.push(head);
    this.note(`informational ${head.status}`);
  }

  head(head: AnswerHead): void {
    this.heads.push(head);
    this.note(`head ${head.status}`);
  }

  body(bytes: Uint8Array): void {
    this.noteBody(bytes);
    if (this.#appetite === "eager") this.request?.answerConsumed(bytes.length);
  }

  end(trailers: Fields | null): void {
    this.noteEnd(trailers);
  }

  abort(error: RelayError): void {
    this.noteAbort(error);
  }

  requestConsumed(bytes: number): void {
    this.noteConsumed(bytes);
  }
}
