import type { AnswerHead, ExchangeHandler } from "../../shared/exchange/exchange.ts";
import { AnswerForwarder } from "../../shared/exchange/forwarder.ts";
import type { AnswerReceiver } from "../../shared/exchange/exchange.ts";

/** What clients may not claim for themselves: the edge is the first node that is believed. */
const CLIENT_CLAIMS = [
  "forwarded",
  "x-forwarded-for",
  "x-forwarded-host",
  "x-forwarded-proto",
  "x-real-ip",
] as const;

/** Tells the origin who asked, and puts the request's id into request and answer. */
export function nameClient(next: ExchangeHandler): ExchangeHandler {
  return (request, answer) => {
    const { fields, context } = request;
    for (const name of CLIENT_CLAIMS) fields.delete(name);
    fields.append("x-forwarded-for", context.clientAddress);
    fields.append("x-forwarded-host", request.authority);
    fields.append("x-forwarded-proto", request.scheme);
    fields.set("x-request-id", context.id);
    return next(request, new IdentifiedAnswer(answer, context.id));
  };
}

class IdentifiedAnswer extends AnswerForwarder {
  readonly #id: string;

  constructor(answer: AnswerReceiver, id: string) {
    super(answer);
    this.#id = id;
  }

  override head(head: AnswerHead): void {
    head.fields.set("x-request-id", this.#id);
    super.head(head);
  }
}
