/**
 * Bench (c): small requests that are not streamed, in a closed loop, one at a time and 64 at a time. Requests a second
 * are those of a machine on which client and origin run too; processor time for a request is the relay's alone.
 */
import { CHAT_BODY } from "./harness/chat_body.ts";
import { LatencyHistogram } from "./harness/latency_histogram.ts";
import { startLocalSite } from "./harness/local_site.ts";
import type { MeasuredWindow } from "./harness/measure_window.ts";
import { ratioText, shortNumber } from "./harness/number_text.ts";
import { type BenchOutcome, type BenchRun, runBench } from "./harness/run_bench.ts";
import { measureRelay } from "./harness/run_relay.ts";
import { SampleSet } from "./harness/sample_set.ts";
import { alternated } from "./harness/statistics.ts";
import type { ResultTable } from "./harness/text_table.ts";
import { LOOPBACK_RELAYS_AND_DIRECT } from "./relays/all_relays.ts";

const CONCURRENCIES = [1, 64];
const STEADY_TIMEOUT_MS = 40_000;
const BASE = "nginx";

interface RequestsSample extends Record<string, string | number> {
  readonly relay: string;
  readonly concurrency: number;
  readonly round: number;
  readonly failures: number;
  readonly requestsPerSecond: number;
  readonly edgeUsPerRequest: number;
  readonly coreUsPerRequest: number;
  readonly usPerRequest: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

async function measure({ options, bench, relays, attempt }: BenchRun): Promise<BenchOutcome> {
  const site = await startLocalSite(bench);
  const times = { warmUpMs: options.isSmall ? 200 : 3000, windowMs: options.windowMs };
  const samples: RequestsSample[] = [];
  for (let round = 0; round < options.rounds; round++) {
    for (const { relay } of alternated(relays, round)) {
      for (const concurrency of CONCURRENCIES) {
        const what = `round ${round + 1} of ${options.rounds}, ${relay.name}, ${concurrency} at a time`;
        await attempt(what, async () => {
          const job = {
            protocol: "http/1.1",
            connections: concurrency,
            streamsPerConnection: 1,
            method: "POST",
            path: "/reply",
            body: CHAT_BODY,
            isEndless: false,
          } as const;
          const window = await measureRelay(relay, { site, job, timeoutMs: STEADY_TIMEOUT_MS, ...times });
          samples.push({ relay: relay.name, concurrency, round, ...costsOf(window) });
        });
      }
    }
  }
  return {
    parameters: { rounds: options.rounds, "s a window": options.windowMs / 1000 },
    tables: CONCURRENCIES.map((concurrency) => table(concurrency, samples)),
    samples,
  };
}

function costsOf({ report, edgeUs, coreUs }: MeasuredWindow) {
  const latency = LatencyHistogram.fromRecord(report.exchange);
  return {
    failures: report.failures,
    requestsPerSecond: report.exchanges / report.seconds,
    edgeUsPerRequest: edgeUs / report.exchanges,
    coreUsPerRequest: coreUs / report.exchanges,
    usPerRequest: (edgeUs + coreUs) / report.exchanges,
    p50Ms: latency.percentileMs(0.5),
    p99Ms: latency.percentileMs(0.99),
  };
}

function table(concurrency: number, samples: readonly RequestsSample[]): ResultTable {
  const set = new SampleSet(samples.filter((sample) => sample.concurrency === concurrency));
  const ofBase = (relay: string, column: string) =>
    ratioText(set.median(relay, column), set.median(BASE, column));
  const costs = (relay: string) =>
    ["edgeUsPerRequest", "coreUsPerRequest", "usPerRequest"].map((column) => set.spreadText(relay, column));
  return {
    title: `${concurrency} at a time, HTTP/1.1; median of the rounds (smallest–largest)`,
    columns: [
      "relay",
      "requests/s",
      `of ${BASE}`,
      "edge µs",
      "core µs",
      "both µs",
      `of ${BASE}`,
      "p50 ms",
      "p99 ms",
    ],
    rows: set.relays.map((relay) => [
      relay,
      set.spreadText(relay, "requestsPerSecond"),
      ofBase(relay, "requestsPerSecond"),
      ...(relay === "direct" ? ["–", "–", "–", "–"] : [...costs(relay), ofBase(relay, "usPerRequest")]),
      shortNumber(set.median(relay, "p50Ms")),
      shortNumber(set.median(relay, "p99Ms")),
    ]),
  };
}

if (import.meta.main) {
  Deno.exitCode = await runBench({
    name: "requests",
    relays: LOOPBACK_RELAYS_AND_DIRECT,
    defaults: { rounds: 3, windowMs: 10_000 },
    measure,
  }, Deno.args);
}
