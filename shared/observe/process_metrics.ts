import { Histogram, type Registry } from "prom-client";
import process from "node:process";
import { addScrapedCounter, addScrapedGauge, single } from "./scraped_metric.ts";
import { SlidingRate } from "./sliding_rate.ts";

export interface ProcessMetrics {
  close(): void;
}

const LAG_INTERVAL_MS = 500;
const SAMPLES_PER_RATE = 2;

/**
 * Seed names: CPUUsage, MemoryUsage; in the place of GoroutineCount, since there is one thread, how late it is. Node's own
 * event loop monitors read zero in Deno, so a timer measures.
 */
export function addProcessMetrics(registry: Registry): ProcessMetrics {
  const cpu = new SlidingRate();
  const lag = new Histogram({
    name: "lowu_event_loop_lag_seconds",
    help: "How late a timer fired, measured twice a second.",
    buckets: [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1],
    registers: [registry],
  });
  let longestLagMs = 0;
  let count = 0;
  let expectedAt = performance.now() + LAG_INTERVAL_MS;
  cpu.sample(cpuSeconds(), performance.now());
  const timer = setInterval(() => {
    const now = performance.now();
    const lagMs = Math.max(0, now - expectedAt);
    expectedAt = now + LAG_INTERVAL_MS;
    longestLagMs = Math.max(longestLagMs, lagMs);
    lag.observe(lagMs / 1000);
    if (++count % SAMPLES_PER_RATE === 0) cpu.sample(cpuSeconds(), now);
  }, LAG_INTERVAL_MS);
  Deno.unrefTimer(timer);
  addScrapedGauge(registry, {
    name: "lowu_event_loop_lag_max_seconds",
    help: "Longest lag since the last scrape.",
    read() {
      const longest = longestLagMs / 1000;
      longestLagMs = 0;
      return single(longest);
    },
  });
  addScrapedCounter(registry, {
    name: "lowu_cpu_seconds_total",
    help: "Processor time used.",
    read: () => single(cpuSeconds()),
  });
  addScrapedGauge(registry, {
    name: "lowu_cpu_usage_ratio",
    help: "Processor cores in use, over the last ten seconds.",
    read: () => single(cpu.perSecond),
  });
  addScrapedGauge(registry, {
    name: "lowu_memory_usage_bytes",
    help: "Memory by kind: resident, heap in use, buffers outside the heap.",
    labelNames: ["kind"] as const,
    read() {
      const { rss, heapUsed, external } = Deno.memoryUsage();
      return [[{ kind: "resident" }, rss], [{ kind: "heap" }, heapUsed], [
        { kind: "external" },
        external,
      ]] as const;
    },
  });
  addScrapedGauge(registry, {
    name: "lowu_start_time_seconds",
    help: "When the process began, in seconds since the epoch.",
    read: () => single(performance.timeOrigin / 1000),
  });
  return { close: () => clearInterval(timer) };
}

function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}
