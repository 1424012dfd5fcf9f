import type { ExchangeHandler } from "../shared/exchange/exchange.ts";
import { type ExchangeWatcher, observeExchanges } from "../shared/observe/observe_exchange.ts";
import { coalesceEvents, type CoalesceOptions } from "./exchange/coalesce_events.ts";
import { compressEvents, type CompressOptions } from "./exchange/compress_events.ts";
import { type EventStreamOptions, keepEventStreams } from "./exchange/event_stream.ts";
import { holdBack, type HoldBackOptions } from "./exchange/hold_back.ts";
import { nameClient } from "./exchange/name_client.ts";
import { paceAnswer, type PaceOptions } from "./exchange/pace_answer.ts";
import { stripCaching, type StripCachingOptions } from "./exchange/strip_caching.ts";

export interface EdgePipelineParts {
  readonly watcher: ExchangeWatcher;
  readonly stripCaching: StripCachingOptions;
  readonly compression: CompressOptions;
  readonly eventStreams: EventStreamOptions;
  readonly coalescing: CoalesceOptions;
  readonly watermarks: HoldBackOptions;
  readonly pace: PaceOptions;
  /** Into the tunnel, at once or after waiting for it. */
  readonly tunnel: ExchangeHandler;
}

/**
 * An exchange's way through the edge, outermost step first: a request walks down the list into the tunnel, its answer
 * walks back up to the listener.
 */
export function edgePipeline(parts: EdgePipelineParts): ExchangeHandler {
  const steps: ((next: ExchangeHandler) => ExchangeHandler)[] = [
    // Nearest to the listener, so that every exchange is seen as its client sees it, refusals included.
    (next) => observeExchanges(parts.watcher, next),
    // Before anything reads the request: nobody behind this line believes what a client says about itself.
    (next) => nameClient(next),
    // Both nodes forbid caching: caches may stand on either side of the border.
    (next) => stripCaching(parts.stripCaching, next),
    // Outside of the event steps, since what they add must be compressed as well.
    (next) => compressEvents(parts.compression, next),
    // Adds comments and the error event: outside of coalescing, so that a comment never waits behind held events.
    (next) => keepEventStreams(parts.eventStreams, next),
    // Joins small events where the operator prefers fewer packets to the last few milliseconds.
    (next) => coalesceEvents(parts.coalescing, next),
    // Makes the origin pause for a slow client, and go on, at the two watermarks.
    (next) => holdBack(parts.watermarks, next),
    // Nearest to the tunnel: what it does not report as consumed stays at the core.
    (next) => paceAnswer(parts.pace, next),
  ];
  return steps.reduceRight((next, step) => step(next), parts.tunnel);
}
