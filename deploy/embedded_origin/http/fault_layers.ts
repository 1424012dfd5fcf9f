import type { Clock } from "../../../shared/clock/clock.ts";
import { RelayError } from "../../../shared/errors/relay_error.ts";
import type {
  AnswerHead,
  AnswerReceiver,
  ExchangeHandler,
  RequestReceiver,
} from "../../../shared/exchange/exchange.ts";
import { Fields } from "../../../shared/exchange/fields.ts";
import type { BodyExtent } from "./fault.ts";

/** Passes an answer on unchanged; faults override what they spoil. */
class PassingAnswer implements AnswerReceiver {
  protected readonly inner: AnswerReceiver;
  protected upstream: RequestReceiver | null = null;

  constructor(inner: AnswerReceiver) {
    this.inner = inner;
  }

  /** Tells the layer whose answer this is. */
  handlerReturned(upstream: RequestReceiver): void {
    this.upstream = upstream;
  }

  informational(head: AnswerHead): void {
    this.inner.informational(head);
  }

  head(head: AnswerHead): void {
    this.inner.head(head);
  }

  body(bytes: Uint8Array): void {
    this.inner.body(bytes);
  }

  end(trailers: Fields | null): void {
    this.inner.end(trailers);
  }

  abort(error: RelayError): void {
    this.inner.abort(error);
  }

  requestConsumed(bytes: number): void {
    this.inner.requestConsumed(bytes);
  }
}

/** Lets an answer through up to an extent of its body and then stalls or cuts it. */
export class LimitedAnswer extends PassingAnswer {
  readonly #kind: "stall" | "cut";
  #pieces: number;
  #bytes: number;
  #isStruck = false;

  constructor(inner: AnswerReceiver, kind: "stall" | "cut", after: BodyExtent) {
    super(inner);
    this.#kind = kind;
    this.#pieces = after.pieces;
    this.#bytes = after.bytes;
  }

  override head(head: AnswerHead): void {
    this.inner.head(head);
    this.#strikeIfReached();
  }

  override body(bytes: Uint8Array): void {
    if (this.#isStruck) return;
    const passed = bytes.subarray(0, Math.min(bytes.length, this.#bytes));
    this.#bytes -= passed.length;
    this.#pieces--;
    if (passed.length > 0) this.inner.body(passed);
    this.#strikeIfReached();
  }

  override end(trailers: Fields | null): void {
    if (!this.#isStruck) this.inner.end(trailers);
  }

  override abort(error: RelayError): void {
    if (!this.#isStruck) this.inner.abort(error);
  }

  #strikeIfReached(): void {
    if (this.#isStruck || (this.#pieces > 0 && this.#bytes > 0)) return;
    this.#isStruck = true;
    if (this.#kind === "stall") return;
    const error = new RelayError("origin_cut", { source: "origin" });
    this.upstream?.abort(error);
    this.inner.abort(error);
  }
}

/** Sends 103 Early Hints (RFC 8297) before the head. */
export class InformedAnswer extends PassingAnswer {
  override head(head: AnswerHead): void {
    const fields = new Fields(["link", "</style.css>; rel=preload; as=style"]);
    this.inner.informational({ status: 103, fields, contentLength: null });
    this.inner.head(head);
  }
}

/** Sends trailers after the body. */
export class TrailedAnswer extends PassingAnswer {
  override head(head: AnswerHead): void {
    const fields = head.fields.clone();
    fields.append("trailer", "x-origin-trailer");
    this.inner.head({ status: head.status, fields, contentLength: null });
  }

  override end(_trailers: Fields | null): void {
    this.inner.end(new Fields(["x-origin-trailer", "end"]));
  }
}

/** Takes a request and never answers. */
export function silence(answer: AnswerReceiver): RequestReceiver {
  return {
    body: (bytes) => answer.requestConsumed(bytes.length),
    end() {},
    abort() {},
    answerConsumed() {},
  };
}

/** Holds back the end of each request, without which no endpoint answers. */
export function delayEnd(inner: ExchangeHandler, clock: Clock, ms: number): ExchangeHandler {
  return (request, answer) => {
    const upstream = inner(request, answer);
    let cancel = () => {};
    return {
      body: (bytes) => upstream.body(bytes),
      end: (trailers) => {
        cancel = clock.after(ms, () => upstream.end(trailers));
      },
      abort: (error) => {
        cancel();
        upstream.abort(error);
      },
      answerConsumed: (bytes) => upstream.answerConsumed(bytes),
    };
  };
}
