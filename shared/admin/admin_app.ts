import { Hono } from "hono";
import type { Metrics } from "../observe/metrics.ts";

/** Whether the node can serve clients now, and if not, why. */
export interface Readiness {
  readonly ready: boolean;
  /** What is wrong, in words for an operator; for a ready node, what it lacks all the same. */
  readonly reasons: readonly string[];
}

export interface AdminAppOptions {
  readonly metrics: Pick<Metrics, "scrape" | "contentType">;
  readiness(): Readiness;
}

/** `GET /metrics` (Prometheus), `/healthz` (the process lives), `/readyz` (200 or 503 with reasons); JSON otherwise. */
export function createAdminApp(options: AdminAppOptions): Hono {
  const app = new Hono();
  app.use(async (context, next) => {
    await next();
    context.header("cache-control", "no-store");
    context.header("x-content-type-options", "nosniff");
  });
  app.get(
    "/metrics",
    async (context) =>
      context.body(await options.metrics.scrape(), 200, { "content-type": options.metrics.contentType }),
  );
  app.get("/healthz", (context) => context.json({ status: "alive" }));
  app.get("/readyz", (context) => {
    const { ready, reasons } = options.readiness();
    return context.json({ ready, reasons }, ready ? 200 : 503);
  });
  app.notFound((context) =>
    context.json({ error: { code: "not_found", message: "Nothing is at this path." } }, 404)
  );
  return app;
}
