import assert from "node:assert/strict";
import type { Readiness } from "../../../shared/admin/admin_app.ts";
import { startAdmin } from "../../../shared/admin/start_admin.ts";
import { createLogger } from "../../../shared/observe/logger.ts";
import { createMetrics } from "../../../shared/observe/metrics.ts";

Deno.test("startAdmin() serves metrics, health and readiness, and JSON where nothing is", async () => {
  const metrics = createMetrics({ node: "edge" });
  const log = createLogger({ node: "edge", level: "error" });
  let readiness: Readiness = { ready: false, reasons: ["tunnel_down"] };
  const admin = await startAdmin({ address: "127.0.0.1:0", metrics, log, readiness: () => readiness });
  metrics.connections.addListener("admin", admin);
  const get = async (path: string, init: RequestInit = {}) => {
    const response = await fetch(`http://${admin.address}${path}`, init);
    return {
      status: response.status,
      type: response.headers.get("content-type"),
      text: await response.text(),
    };
  };

  const scraped = await get("/metrics");
  assert.deepEqual([scraped.status, scraped.type], [200, metrics.contentType]);
  assert.match(scraped.text, /^lowu_connections_active\{listener="admin",node="edge"\} 1$/m);

  assert.deepEqual(JSON.parse((await get("/healthz")).text), { status: "alive" });
  const notReady = await get("/readyz");
  assert.deepEqual([notReady.status, JSON.parse(notReady.text)], [503, {
    ready: false,
    reasons: ["tunnel_down"],
  }]);
  readiness = { ready: true, reasons: [] };
  const ready = await get("/readyz");
  assert.deepEqual([ready.status, JSON.parse(ready.text)], [200, { ready: true, reasons: [] }]);

  for (const [path, method] of [["/nothing", "GET"], ["/metrics", "POST"]] as const) {
    const missing = await get(path, { method });
    assert.deepEqual([missing.status, JSON.parse(missing.text).error.code], [404, "not_found"]);
  }
  const large = await get("/readyz", { method: "POST", body: new Uint8Array(1024 * 1024 + 1) });
  assert.deepEqual([large.status, JSON.parse(large.text).error.code], [413, "request_too_large"]);

  metrics.close();
  await admin.drain({ graceMs: 5000 });
  log.close();
});
