/**
 * Bench (b): processor time of edge and core together for each token, many streams at a steady rate. The rate is the
 * origin's (an open loop), so a relay that is slow is not given less to do.
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
import type { LoadJob } from "./load/load_job.ts";
import { LOOPBACK_RELAYS_AND_COPIES } from "./relays/all_relays.ts";

const TOKENS_PER_SECOND = 10;
const STEADY_TIMEOUT_MS = 60_000;
/** The peer that ratios refer to. */
const BASE = "nginx";

type Protocol = LoadJob["protocol"];

interface TokenCpuSample extends Record<string, string | number> {
  readonly relay: string;
  readonly protocol: Protocol;
  readonly round: number;
  readonly tokens: number;
  readonly failures: number;
  /** Share of the tokens that were due and came within the window. */
  readonly delivered: number;
  readonly edgeUsPerToken: number;
  readonly coreUsPerToken: number;
  readonly usPerToken: number;
  readonly tokenP50Ms: number;
  readonly tokenP99Ms: number;
}

async function measure({ options, bench, relays, attempt }: BenchRun): Promise<BenchOutcome> {
  const streams = options.isSmall ? 20 : 500;
  const http2Connections = options.isSmall ? 2 : 5;
  const site = await startLocalSite(bench);
  const times = { warmUpMs: options.isSmall ? 200 : 5000, windowMs: options.windowMs };
  const samples: TokenCpuSample[] = [];
  for (let round = 0; round < options.rounds; round++) {
    for (const protocol of alternated(["http/1.1", "h2"] as const, round)) {
      for (const { relay } of alternated(relays, round)) {
        await attempt(`round ${round + 1} of ${options.rounds}, ${protocol}, ${relay.name}`, async () => {
          const connections = protocol === "h2" ? http2Connections : streams;
          const job = {
            protocol,
            connections,
            streamsPerConnection: streams / connections,
            method: "POST",
            path: `/tokens?interval=${1000 / TOKENS_PER_SECOND}`,
            body: CHAT_BODY,
            isEndless: false,
          } as const;
          const window = await measureRelay(relay, { site, job, timeoutMs: STEADY_TIMEOUT_MS, ...times });
          const delivered = window.report.tokens / (streams * TOKENS_PER_SECOND * window.report.seconds);
          samples.push({ relay: relay.name, protocol, round, delivered, ...costsOf(window) });
        });
      }
    }
  }
  return {
    parameters: {
      streams,
      "tokens/s a stream": TOKENS_PER_SECOND,
      "connections over h2": http2Connections,
      rounds: options.rounds,
      "s a window": options.windowMs / 1000,
    },
    tables: [table("http/1.1", samples), table("h2", samples)],
    samples,
  };
}

function costsOf({ report, edgeUs, coreUs }: MeasuredWindow) {
  const delay = LatencyHistogram.fromRecord(report.tokenDelay);
  return {
    tokens: report.tokens,
    failures: report.failures,
    edgeUsPerToken: edgeUs / report.tokens,
    coreUsPerToken: coreUs / report.tokens,
    usPerToken: (edgeUs + coreUs) / report.tokens,
    tokenP50Ms: delay.percentileMs(0.5),
    tokenP99Ms: delay.percentileMs(0.99),
  };
}

function table(protocol: Protocol, samples: readonly TokenCpuSample[]): ResultTable {
  const set = new SampleSet(samples.filter((sample) => sample.protocol === protocol));
  return {
    title: `Clients over ${protocol}: µs of processor time a token; median of the rounds (smallest–largest)`,
    columns: ["relay", "edge", "core", "both", `of ${BASE}`, "delivered", "delay p50 ms", "p99 ms"],
    rows: set.relays.map((relay) => [
      relay,
      set.spreadText(relay, "edgeUsPerToken"),
      set.spreadText(relay, "coreUsPerToken"),
      set.spreadText(relay, "usPerToken"),
      ratioText(set.median(relay, "usPerToken"), set.median(BASE, "usPerToken")),
      `${(100 * set.median(relay, "delivered")).toFixed(1)} %`,
      shortNumber(set.median(relay, "tokenP50Ms")),
      shortNumber(set.median(relay, "tokenP99Ms")),
    ]),
  };
}

if (import.meta.main) {
  Deno.exitCode = await runBench({
    name: "token_cpu",
    relays: LOOPBACK_RELAYS_AND_COPIES,
    defaults: { rounds: 3, windowMs: 20_000 },
    measure,
  }, Deno.args);
}
