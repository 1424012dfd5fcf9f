import { Counter, type Registry } from "prom-client";

export interface LimiterMetrics {
  /** A request was refused by the limiter of that level (`global`, `key`, …: a fixed set). */
  rejected(level: string): void;
}

export function addLimiterMetrics(registry: Registry): LimiterMetrics {
  const rejections = new Counter({
    name: "lowu_limiter_rejections_total",
    help: "Requests refused by a rate limit, by its level.",
    labelNames: ["level"] as const,
    registers: [registry],
  });
  return { rejected: (level) => rejections.inc({ level }) };
}
