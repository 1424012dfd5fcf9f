import type { ExchangeHandler } from "../../shared/exchange/exchange.ts";
import { Fields } from "../../shared/exchange/fields.ts";
import { DISCARD } from "../../shared/exchange/refuse.ts";

/** Answers an edge that asks whether exchanges reach this core, and lets all others pass. */
export function answerProbes(next: ExchangeHandler): ExchangeHandler {
  return (request, answer) => {
    if (request.context.kind !== "probe") return next(request, answer);
    queueMicrotask(() => {
      answer.head({ status: 204, fields: new Fields(), contentLength: 0 });
      answer.end(null);
    });
    return DISCARD;
  };
}
