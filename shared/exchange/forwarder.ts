import type { RelayError } from "../errors/relay_error.ts";
import type { AnswerHead, AnswerReceiver, RequestReceiver } from "./exchange.ts";
import type { Fields } from "./fields.ts";

/** Passes an answer on unchanged: the base of steps that change one part of it. */
export class AnswerForwarder implements AnswerReceiver {
  protected readonly answer: AnswerReceiver;

  constructor(answer: AnswerReceiver) {
    this.answer = answer;
  }

  informational(head: AnswerHead): void {
    this.answer.informational(head);
  }

  head(head: AnswerHead): void {
    this.answer.head(head);
  }

  body(bytes: Uint8Array): void {
    this.answer.body(bytes);
  }

  end(trailers: Fields | null): void {
    this.answer.end(trailers);
  }

  abort(error: RelayError): void {
    this.answer.abort(error);
  }

  requestConsumed(bytes: number): void {
    this.answer.requestConsumed(bytes);
  }
}

/** Passes a request's body on unchanged: the base of steps that change one part of it. */
export class RequestForwarder implements RequestReceiver {
  protected readonly request: RequestReceiver;

  constructor(request: RequestReceiver) {
    this.request = request;
  }

  body(bytes: Uint8Array): void {
    this.request.body(bytes);
  }

  end(trailers: Fields | null): void {
    this.request.end(trailers);
  }

  abort(error: RelayError): void {
    this.request.abort(error);
  }

  answerConsumed(bytes: number): void {
    this.request.answerConsumed(bytes);
  }
}
