import type { RelayError } from "../errors/relay_error.ts";
import type { AnswerReceiver, RequestReceiver } from "./exchange.ts";

/** Takes a request's bytes and drops them: for an exchange that was refused. */
export const DISCARD: RequestReceiver = {
  body() {},
  end() {},
  abort() {},
  answerConsumed() {},
};

/** Refuses an exchange from within a handler: the answer is aborted once the handler has returned. */
export function refuse(answer: AnswerReceiver, error: RelayError): RequestReceiver {
  queueMicrotask(() => answer.abort(error));
  return DISCARD;
}
