import type { ExchangeHandler } from "../../shared/exchange/exchange.ts";
import { Fields } from "../../shared/exchange/fields.ts";
import { DISCARD } from "../../shared/exchange/refuse.ts";

/** In the answer to a probe: the core's wall clock when it answered, in ms since 1970. */
export const PROBE_TIME_FIELD = "lowu-time-ms";

export interface AnswerProbesOptions {
  /** Milliseconds since 1970. @default the wall clock */
  readonly wallTimeMs?: () => number;
}

/** Answers an edge that asks whether exchanges reach this core, and lets all others pass. */
export function answerProbes(
  next: ExchangeHandler,
  { wallTimeMs = Date.now }: AnswerProbesOptions = {},
): ExchangeHandler {
  return (request, answer) => {
    if (request.context.kind !== "probe") return next(request, answer);
    queueMicrotask(() => {
      const fields = new Fields([PROBE_TIME_FIELD, String(Math.round(wallTimeMs()))]);
      answer.head({ status: 204, fields, contentLength: 0 });
      answer.end(null);
    });
    return DISCARD;
  };
}
