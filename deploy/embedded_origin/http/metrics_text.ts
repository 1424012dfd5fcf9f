/** The engine's state in Prometheus' text format 0.0.4, under the names and labels that vLLM uses. */
import type { Engine } from "../engine/engine.ts";
import type { Histogram } from "../engine/histogram.ts";

/** Tokens of one KV cache block, as vLLM counts them. */
const BLOCK_TOKENS = 16;

class MetricsWriter {
  readonly #labels: string;
  #text = "";

  constructor(modelName: string) {
    const escaped = modelName.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
    this.#labels = `engine="0",model_name="${escaped}"`;
  }

  head(name: string, type: "gauge" | "counter" | "histogram", help: string): void {
    this.#text += `# HELP vllm:${name} ${help}\n# TYPE vllm:${name} ${type}\n`;
  }

  sample(name: string, value: number, moreLabels = ""): void {
    this.#text += `vllm:${name}{${this.#labels}${moreLabels}} ${value}\n`;
  }

  gauge(name: string, value: number, help: string): void {
    this.head(name, "gauge", help);
    this.sample(name, value);
  }

  counter(name: string, value: number, help: string): void {
    this.head(name, "counter", help);
    this.sample(name, value);
  }

  histogram(name: string, histogram: Histogram, help: string): void {
    this.head(name, "histogram", help);
    let count = 0;
    for (const [bound, cumulative] of histogram.buckets()) {
      this.sample(`${name}_bucket`, cumulative, `,le="${bound}"`);
      count = cumulative;
    }
    this.sample(`${name}_count`, count);
    this.sample(`${name}_sum`, histogram.sum);
  }

  take(): string {
    return this.#text;
  }
}

export function metricsText(engine: Engine, modelName: string): string {
  const writer = new MetricsWriter(modelName);
  const statistics = engine.statistics;
  const kvTokens = engine.options.kvTokens;
  writer.gauge("num_requests_running", engine.running, "Number of requests in model execution batches.");
  writer.gauge("num_requests_waiting", engine.waiting, "Number of requests waiting to be processed.");
  writer.gauge(
    "kv_cache_usage_perc",
    engine.kvTokensUsed / kvTokens,
    "KV-cache usage. 1 means 100 percent usage.",
  );
  writer.counter("prompt_tokens_total", statistics.promptTokens, "Number of prefill tokens processed.");
  writer.counter(
    "generation_tokens_total",
    statistics.generationTokens,
    "Number of generation tokens processed.",
  );
  writer.counter("num_preemptions_total", 0, "Cumulative number of preemption from the engine.");
  writer.head("request_success_total", "counter", "Count of successfully processed requests.");
  writer.sample("request_success_total", statistics.finished.stop, ',finished_reason="stop"');
  writer.sample("request_success_total", statistics.finished.length, ',finished_reason="length"');
  writer.sample("request_success_total", statistics.aborted, ',finished_reason="abort"');
  writer.histogram(
    "time_to_first_token_seconds",
    statistics.timeToFirstToken,
    "Histogram of time to first token in seconds.",
  );
  writer.histogram(
    "inter_token_latency_seconds",
    statistics.interTokenLatency,
    "Histogram of inter-token latency in seconds.",
  );
  writer.histogram(
    "e2e_request_latency_seconds",
    statistics.requestLatency,
    "Histogram of e2e request latency in seconds.",
  );
  writer.histogram(
    "request_queue_time_seconds",
    statistics.queueTime,
    "Histogram of time spent in WAITING phase for request.",
  );
  writer.head("cache_config_info", "gauge", "Information of the LLMEngine CacheConfig");
  const blocks = Math.floor(kvTokens / BLOCK_TOKENS);
  writer.sample("cache_config_info", 1, `,block_size="${BLOCK_TOKENS}",num_gpu_blocks="${blocks}"`);
  return writer.take();
}
