import type { Clock } from "../clock/clock.ts";
import type { RequestHead } from "../exchange/exchange.ts";
import { type ExchangePlace, logExchange } from "./access_log.ts";
import type { Logger } from "./logger.ts";
import type { Metrics } from "./metrics.ts";
import type { ExchangeWatcher } from "./observe_exchange.ts";

export interface ExchangeWatcherOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Where the exchange went; asked once, when it has ended. */
  placeOf(request: RequestHead): ExchangePlace;
}

/** Counts every exchange and writes its access line. */
export function createExchangeWatcher(options: ExchangeWatcherOptions): ExchangeWatcher {
  const { clock, log, placeOf } = options;
  const { exchanges } = options.metrics;
  return {
    clock,
    onStarted: (request) => exchanges.exchangeStarted(request),
    onHead: (request, head) => exchanges.headSent(request, head),
    onEnded(report) {
      const place = placeOf(report.request);
      exchanges.exchangeEnded(report, place.route);
      logExchange(log, report, place);
    },
  };
}
