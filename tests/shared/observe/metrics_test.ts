import assert from "node:assert/strict";
import { RelayError } from "../../../shared/errors/relay_error.ts";
import type { AnswerHead, RequestHead } from "../../../shared/exchange/exchange.ts";
import { Fields } from "../../../shared/exchange/fields.ts";
import { createExchangeWatcher } from "../../../shared/observe/exchange_watcher.ts";
import { createLogger } from "../../../shared/observe/logger.ts";
import { createMetrics } from "../../../shared/observe/metrics.ts";
import type { ExchangeReport } from "../../../shared/observe/observe_exchange.ts";
import { ListenerCounters } from "../../../shared/server/listener_counters.ts";
import { scrape } from "./scrape.ts";

function requestHead(change: Partial<RequestHead> = {}): RequestHead {
  return {
    context: { id: "r1", kind: "client", clientAddress: "192.0.2.1", protocol: "h2" },
    method: "POST",
    scheme: "https",
    authority: "edge.example",
    path: "/v1/chat/completions?api_key=sk-1",
    fields: new Fields(),
    contentLength: 0,
    ...change,
  };
}

function report(request: RequestHead, change: Partial<ExchangeReport> = {}): ExchangeReport {
  return {
    request,
    status: 200,
    error: null,
    requestBytes: 100,
    answerBytes: 2000,
    durationMs: 1500.04,
    firstByteMs: 20,
    ...change,
  };
}

const EVENT_STREAM: AnswerHead = {
  status: 200,
  fields: new Fields(["content-type", "Text/Event-Stream; charset=utf-8"]),
  contentLength: null,
};

function watch() {
  const metrics = createMetrics({ node: "edge" });
  let written = "";
  const log = createLogger({
    node: "edge",
    write: (bytes) => void (written += new TextDecoder().decode(bytes)),
  });
  const watcher = createExchangeWatcher({
    clock: { now: () => 0, after: () => () => {} },
    log,
    metrics,
    placeOf: () => ({ lane: "quic-1", route: "chat" }),
  });
  return {
    metrics,
    watcher,
    lines: () => {
      log.close();
      return written.trimEnd().split("\n").filter((line) => line !== "").map((line) => JSON.parse(line));
    },
  };
}

Deno.test("createMetrics() has every metric that the design document names", async () => {
  const { metrics } = watch();
  const text = await metrics.scrape();
  metrics.close();
  const names = [
    ["connections_active", "gauge"],
    ["connections_opened_total", "counter"],
    ["connections_closed_total", "counter"],
    ["connection_duration_seconds", "histogram"],
    ["connection_errors_total", "counter"],
    ["requests_total", "counter"],
    ["request_duration_seconds", "histogram"],
    ["request_size_bytes", "histogram"],
    ["response_size_bytes", "histogram"],
    ["request_errors_total", "counter"],
    ["latency_p50_seconds", "gauge"],
    ["latency_p95_seconds", "gauge"],
    ["latency_p99_seconds", "gauge"],
    ["throughput_bytes_per_second", "gauge"],
    ["cpu_usage_ratio", "gauge"],
    ["memory_usage_bytes", "gauge"],
    ["event_loop_lag_seconds", "histogram"],
    ["tokens_per_second", "gauge"],
    ["conversations_active", "gauge"],
    ["conversation_duration_seconds", "histogram"],
    ["sse_connections_active", "gauge"],
  ];
  for (const [name, type] of names) assert.ok(text.includes(`# TYPE lowu_${name} ${type}\n`), name);
});

Deno.test("createExchangeWatcher() counts exchanges by method, status, route and protocol", async () => {
  const { metrics, watcher } = watch();
  const streaming = requestHead();
  const failing = requestHead({ method: "BREW" });
  for (const request of [streaming, failing]) watcher.onStarted(request);
  watcher.onHead(streaming, EVENT_STREAM);
  let values = await scrape(metrics);
  assert.equal(values.get("lowu_conversations_active{}"), 2);
  assert.equal(values.get("lowu_sse_connections_active{}"), 1);

  watcher.onEnded(report(streaming));
  const error = new RelayError("tunnel_unavailable", { source: "tunnel" });
  watcher.onEnded(report(failing, { status: null, error, firstByteMs: null }));
  values = await scrape(metrics);
  metrics.close();
  assert.equal(values.get("lowu_conversations_active{}"), 0);
  assert.equal(values.get("lowu_sse_connections_active{}"), 0);
  assert.equal(values.get('lowu_requests_total{method="POST",protocol="h2",route="chat",status="2xx"}'), 1);
  assert.equal(values.get('lowu_requests_total{method="other",protocol="h2",route="chat",status="none"}'), 1);
  assert.equal(values.get('lowu_request_errors_total{code="tunnel_unavailable",source="tunnel"}'), 1);
  assert.equal(values.get('lowu_request_duration_seconds_count{route="chat"}'), 2);
  assert.equal(values.get('lowu_time_to_first_byte_seconds_sum{route="chat"}'), 0.02);
  assert.equal(values.get('lowu_response_size_bytes_sum{route="chat"}'), 4000);
  assert.equal(values.get('lowu_conversation_duration_seconds_count{route="chat"}'), 1);
  assert.equal(values.get("lowu_latency_p99_seconds{}"), 0.02);
});

Deno.test("createExchangeWatcher() leaves probes out of counts and, at level info, out of the log", async () => {
  const { metrics, watcher, lines } = watch();
  const probe = requestHead({ context: { ...requestHead().context, kind: "probe" } });
  watcher.onStarted(probe);
  watcher.onHead(probe, EVENT_STREAM);
  watcher.onEnded(report(probe));
  const values = await scrape(metrics);
  metrics.close();
  assert.deepEqual([...values.keys()].filter((key) => key.startsWith("lowu_requests_total")), []);
  assert.equal(values.get("lowu_conversations_active{}"), 0);
  assert.deepEqual(lines(), []);
});

Deno.test("createExchangeWatcher() writes an access line without the query, at the level of its error", () => {
  const { metrics, watcher, lines } = watch();
  const request = requestHead();
  watcher.onEnded(report(request));
  const error = new RelayError("tunnel_lost", { source: "tunnel" });
  watcher.onEnded(report(request, { error, firstByteMs: null }));
  metrics.close();
  const [complete, cut, ...more] = lines();
  assert.deepEqual(more, []);
  delete complete.time;
  assert.deepEqual(complete, {
    level: "info",
    node: "edge",
    event: "exchange",
    requestId: "r1",
    method: "POST",
    authority: "edge.example",
    path: "/v1/chat/completions",
    status: 200,
    code: null,
    source: null,
    requestBytes: 100,
    answerBytes: 2000,
    durationMs: 1500,
    firstByteMs: 20,
    clientAddress: "192.0.2.1",
    protocol: "h2",
    lane: "quic-1",
    route: "chat",
  });
  assert.deepEqual([cut.level, cut.code, cut.source, cut.firstByteMs], [
    "warn",
    "tunnel_lost",
    "tunnel",
    null,
  ]);
});

Deno.test("createMetrics() reads a listener's plain counters at each scrape", async () => {
  const { metrics } = watch();
  const counters = new ListenerCounters();
  metrics.connections.addListener("https", {
    openConnections: 3,
    counters,
    certificates: [{ certificateFile: "edge.pem", notAfterMs: 5000 }],
  });
  for (let i = 1; i <= 2; i++) {
    counters.acceptedConnections++;
    counters.refusedConnections.address_limit++;
    counters.refused(new RelayError("request_timeout", { source: "downstream" }));
    counters.bytesIn(100);
    counters.exchangeStarted();
    metrics.connections.connectionEnded(2000);
    const values = await scrape(metrics);
    assert.equal(values.get('lowu_connections_active{listener="https"}'), 3);
    assert.equal(values.get('lowu_connections_opened_total{listener="https"}'), i);
    assert.equal(values.get('lowu_received_bytes_total{listener="https"}'), 100 * i);
    assert.equal(values.get('lowu_exchanges_active{listener="https"}'), i);
    assert.equal(values.get('lowu_connection_errors_total{listener="https",reason="address_limit"}'), i);
    assert.equal(values.get('lowu_connection_errors_total{listener="https",reason="request_timeout"}'), i);
    assert.equal(values.get('lowu_certificate_not_after_seconds{file="edge.pem",listener="https"}'), 5);
    assert.equal(values.get("lowu_connection_duration_seconds_count{}"), i);
  }
  metrics.close();
});

Deno.test("createMetrics() reads origins, limiters and the process", async () => {
  const { metrics } = watch();
  metrics.origins.setSource(() => [{ origin: "gpu", endpoint: "http://10.0.0.1:8000", openConnections: 5 }]);
  metrics.limiter.rejected("key");
  const values = await scrape(metrics);
  metrics.close();
  assert.equal(values.get('lowu_origin_connections_active{endpoint="http://10.0.0.1:8000",origin="gpu"}'), 5);
  assert.equal(values.get('lowu_limiter_rejections_total{level="key"}'), 1);
  assert.ok((values.get('lowu_memory_usage_bytes{kind="resident"}') ?? 0) > 1e6);
  assert.ok((values.get("lowu_cpu_seconds_total{}") ?? 0) > 0);
});
