import assert from "node:assert/strict";
import { join } from "node:path";
import { createMetrics } from "../../../shared/observe/metrics.ts";
import { ROOT, sourceFiles } from "../../architecture/module_graph.ts";

const PAGE = Deno.readTextFileSync(join(ROOT, "deploy/docs/metrics.md"));
/** Where events of the tunnel are logged. */
const TUNNEL = /^(?:(?:edge|core|shared)\/session|edge\/reverse|shared\/handshake)\/|\/stall_watch\.ts$/;
const LOGGED = /\blog(?:\.\w+|\[[^\]]*\])\(\s*"(\w+)"/g;

Deno.test("the page of metrics has every metric of the tunnel with its kind, and no other", async () => {
  const metrics = createMetrics({ node: "core" });
  const text = await metrics.scrape();
  metrics.close();
  const isShown = (name: string) => /^lowu_(?:tunnel_|stall)/.test(name);
  const exported = [...text.matchAll(/^# TYPE (\w+) (\w+)$/gm)]
    .map(([, name = "", kind]) => ({ name, kind })).filter(({ name }) => isShown(name));
  const documented = [...PAGE.matchAll(/^\| `(lowu_\w+)` \| (\w+) \|/gm)]
    .map(([, name = "", kind]) => ({ name, kind }));
  const byName = (a: { name: string }, b: { name: string }) => a.name < b.name ? -1 : 1;
  assert.deepEqual(documented.sort(byName), exported.sort(byName));
});

Deno.test("queries of the page name metrics that exist", () => {
  const defined = new Set([...PAGE.matchAll(/^\| `(lowu_\w+)`/gm)].map(([, name]) => name));
  const used = [...PAGE.matchAll(/\b(lowu_\w+)\[5m\]/g)].map(([, name]) => name);
  assert.ok(used.length > 0);
  assert.deepEqual(used.filter((name) => !defined.has(name)), []);
});

Deno.test("the page of metrics has every event that the tunnel logs, and no other", () => {
  const sources = sourceFiles().filter((file) => /^(?:edge|core|shared)\//.test(file))
    .map((file) => ({ file, source: Deno.readTextFileSync(join(ROOT, file)) }));
  const documented = new Set(
    [...PAGE.matchAll(/^\| `(\w+)` \| (?:edge|core|both) \|/gm)].map(([, event = ""]) => event),
  );
  const logged = sources.flatMap(({ file, source }) =>
    [...source.matchAll(LOGGED)].map(([, event = ""]) => ({ file, event }))
  );
  const ofTunnel = logged.filter(({ file }) => TUNNEL.test(file)).map(({ event }) => event);
  assert.ok(ofTunnel.length > 10, "events are where this test looks");
  assert.deepEqual(ofTunnel.filter((event) => !documented.has(event)), []);
  const everywhere = new Set(logged.map(({ event }) => event));
  assert.deepEqual([...documented].filter((event) => !everywhere.has(event)), []);
});
