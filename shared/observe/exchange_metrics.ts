import { Counter, Histogram, type Registry } from "prom-client";
import type { AnswerHead, RequestHead } from "../exchange/exchange.ts";
import { LatencyWindow } from "./latency_window.ts";
import type { ExchangeReport } from "./observe_exchange.ts";
import { addScrapedGauge, single } from "./scraped_metric.ts";

export interface ExchangeMetrics {
  exchangeStarted(request: RequestHead): void;
  headSent(request: RequestHead, head: AnswerHead): void;
  /** Counts a finished exchange. @param route from a bounded set; null: none */
  exchangeEnded(report: ExchangeReport, route: string | null): void;
}

const METHODS = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT"]);
const SIZE_BUCKETS = [256, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576, 16_777_216, 268_435_456];
const DURATION_BUCKETS = [0.005, 0.02, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800];
const FIRST_BYTE_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const QUANTILES = { p50: 0.5, p95: 0.95, p99: 0.99 } as const;

/**
 * Seed names: TotalRequests, RequestDuration, RequestSize, ResponseSize, RequestErrors; LatencyP50, P95, P99 (time to
 * first byte); ActiveConversations (exchanges under way), ConversationDuration (complete event streams), SSEConnections.
 * Probes are left out of all of them.
 */
export function addExchangeMetrics(registry: Registry): ExchangeMetrics {
  const latencies = new LatencyWindow();
  const open = addOpenGauges(registry);
  const registers = [registry];
  const requests = new Counter({
    name: "lowu_requests_total",
    help: "Exchanges that ended.",
    labelNames: ["method", "status", "route", "protocol"] as const,
    registers,
  });
  const errors = new Counter({
    name: "lowu_request_errors_total",
    help: "Exchanges that ended in an error, by its code and by whose side it was.",
    labelNames: ["code", "source"] as const,
    registers,
  });
  const histogram = (name: string, help: string, buckets: number[]) =>
    new Histogram({ name, help, buckets, labelNames: ["route"] as const, registers });
  const durations = histogram("lowu_request_duration_seconds", "From head to end.", DURATION_BUCKETS);
  const firstBytes = histogram(
    "lowu_time_to_first_byte_seconds",
    "From head to first byte.",
    FIRST_BYTE_BUCKETS,
  );
  const requestSizes = histogram("lowu_request_size_bytes", "Bodies of requests.", SIZE_BUCKETS);
  const answerSizes = histogram("lowu_response_size_bytes", "Bodies of answers.", SIZE_BUCKETS);
  const conversations = histogram(
    "lowu_conversation_duration_seconds",
    "Complete event streams.",
    DURATION_BUCKETS,
  );
  for (const [name, quantile] of Object.entries(QUANTILES)) {
    addScrapedGauge(registry, {
      name: `lowu_latency_${name}_seconds`,
      help: `Time to first byte, ${name} of the last minute.`,
      read: () => single(latencies.quantiles([quantile], performance.now())[0] ?? NaN),
    });
  }
  return {
    exchangeStarted(request) {
      if (request.context.kind === "client") open.exchanges.add(request);
    },
    headSent(request, head) {
      if (open.exchanges.has(request) && isEventStream(head)) open.eventStreams.add(request);
    },
    exchangeEnded(report, routeOrNull) {
      const { request, error } = report;
      const wasEventStream = open.eventStreams.delete(request);
      if (!open.exchanges.delete(request)) return;
      const route = routeOrNull ?? "none";
      const method = METHODS.has(request.method) ? request.method : "other";
      const status = report.status === null ? "none" : `${Math.floor(report.status / 100)}xx`;
      requests.inc({ method, status, route, protocol: request.context.protocol });
      if (error !== null) errors.inc({ code: error.code, source: error.source });
      durations.observe({ route }, report.durationMs / 1000);
      requestSizes.observe({ route }, report.requestBytes);
      answerSizes.observe({ route }, report.answerBytes);
      if (wasEventStream && error === null) conversations.observe({ route }, report.durationMs / 1000);
      if (report.firstByteMs === null) return;
      firstBytes.observe({ route }, report.firstByteMs / 1000);
      latencies.record(report.firstByteMs / 1000, performance.now());
    },
  };
}

/** Open client exchanges, and those of them answered with an event stream; as many as listeners and sessions admit. */
function addOpenGauges(registry: Registry): { exchanges: Set<RequestHead>; eventStreams: Set<RequestHead> } {
  const exchanges = new Set<RequestHead>();
  const eventStreams = new Set<RequestHead>();
  addScrapedGauge(registry, {
    name: "lowu_conversations_active",
    help: "Exchanges under way.",
    read: () => single(exchanges.size),
  });
  addScrapedGauge(registry, {
    name: "lowu_sse_connections_active",
    help: "Event streams under way.",
    read: () => single(eventStreams.size),
  });
  return { exchanges, eventStreams };
}

function isEventStream(head: AnswerHead): boolean {
  return head.fields.get("content-type")?.toLowerCase().startsWith("text/event-stream") === true;
}
