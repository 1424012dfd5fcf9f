import type { ExchangeHandler } from "../../shared/exchange/exchange.ts";
import { UncachedAnswer } from "../../shared/exchange/uncached_answer.ts";
import { stripRequestCaching } from "../../shared/exchange/zero_cache.ts";

export interface StripCachingOptions {
  /** Path prefixes whose caching fields are left alone, for routes that cache at the core. */
  readonly exceptPaths: readonly string[];
}

/** Zero cache in both directions. */
export function stripCaching(options: StripCachingOptions, next: ExchangeHandler): ExchangeHandler {
  return (request, answer) => {
    if (options.exceptPaths.some((prefix) => request.path.startsWith(prefix))) return next(request, answer);
    stripRequestCaching(request.fields);
    return next(request, new UncachedAnswer(answer));
  };
}
