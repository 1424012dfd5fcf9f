import type { Engine } from "../engine/engine.ts";

/** The engine's load in ORCA's text or JSON form, as vLLM puts it into the answer field `endpoint-load-metrics`. */
export function loadReport(engine: Engine, format: string): string {
  const metrics = {
    kv_cache_usage_perc: engine.kvTokensUsed / engine.options.kvTokens,
    num_requests_waiting: engine.waiting,
    num_requests_running: engine.running,
  };
  if (format.toLowerCase() === "json") return `JSON ${JSON.stringify({ named_metrics: metrics })}`;
  return "TEXT " +
    Object.entries(metrics).map(([name, value]) => `named_metrics.${name}=${value}`).join(", ");
}
