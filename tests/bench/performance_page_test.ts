import assert from "node:assert/strict";
import { BENCH_NAMES } from "../../bench/harness/bench_names.ts";
import type { BenchResult } from "../../bench/harness/bench_result.ts";
import {
  PageMarkError,
  PERFORMANCE_PAGE,
  replaceResult,
  resultMarkdown,
} from "../../bench/performance_page.ts";

const RESULT: BenchResult = {
  bench: "requests",
  measuredAt: "2026-11-21T10:00:00.000Z",
  isSmall: false,
  environment: {
    kernel: "6.18",
    cpu: "Xeon",
    cores: 2,
    deno: "2.9.6",
    tcpCongestionControl: "bbr",
    loadBefore: 0.1,
  },
  relays: [{ name: "nginx", version: "1.22.1", link: "HTTP/1.1 over TLS" }],
  notRun: [{ name: "Caddy", reason: "not installed" }],
  failed: [{ what: "round 1 of 3, HAProxy", reason: "status 503" }],
  parameters: { rounds: 3 },
  tables: [{ title: "64 at a time", columns: ["relay", "a|b"], rows: [["nginx", "1.00×"]] }],
  samples: [],
};

Deno.test("the performance page has one place for each bench", async () => {
  const page = await Deno.readTextFile(PERFORMANCE_PAGE);
  for (const bench of BENCH_NAMES) replaceResult(page, bench, "");
  assert.throws(() => replaceResult(page, "no_such_bench", ""), PageMarkError);
});

Deno.test("replaceResult() replaces what stands between the marks and nothing else", () => {
  const page = "a\n<!-- result: x -->\nold\n<!-- end: x -->\nb\n";
  const once = replaceResult(page, "x", "new");
  assert.equal(once, "a\n<!-- result: x -->\n\nnew\n\n<!-- end: x -->\nb\n");
  assert.equal(replaceResult(once, "x", "new"), once);
});

Deno.test("resultMarkdown() tells relays, what was not run and the tables", () => {
  const text = resultMarkdown(RESULT);
  assert.match(text, /^Measured 2026-11-21 on Linux 6\.18, 2 × Xeon/);
  assert.ok(text.includes("- nginx (1.22.1)"));
  assert.ok(text.includes("- Caddy: not run, not installed."));
  assert.ok(text.includes("- Failed: round 1 of 3, HAProxy."));
  assert.ok(text.includes("| nginx | 1.00× |") && text.includes("a\\|b"));
});

Deno.test("resultMarkdown() shows the charts above the tables", () => {
  const text = resultMarkdown(RESULT, [{ fileName: "a.svg", title: "A", svg: "<svg/>" }]);
  assert.ok(text.includes("\n\n![A](a.svg)\n\n**64 at a time**"));
});

Deno.test("resultMarkdown() does not count small runs", () => {
  assert.equal(resultMarkdown(null), "_Not measured yet._");
  assert.equal(resultMarkdown({ ...RESULT, isSmall: true }), "_Not measured yet._");
});
