/**
 * Bench (a): what the relay adds to the time to the first byte and to each token, one request at a time: nothing else
 * runs, so this is the path's own latency, not queueing. A request brings a few tokens, the first at once.
 */
import { CHAT_BODY } from "./harness/chat_body.ts";
import { LatencyHistogram } from "./harness/latency_histogram.ts";
import { startLocalSite } from "./harness/local_site.ts";
import { spreadText } from "./harness/number_text.ts";
import { type BenchOutcome, type BenchRun, runBench } from "./harness/run_bench.ts";
import { measureRelay } from "./harness/run_relay.ts";
import { alternated, spreadOf } from "./harness/statistics.ts";
import type { ResultTable } from "./harness/text_table.ts";
import { LOOPBACK_RELAYS_AND_DIRECT } from "./relays/all_relays.ts";

const TOKENS = 6;
const INTERVAL_MS = 4;
const STEADY_TIMEOUT_MS = 40_000;

/** Milliseconds; one round of one relay. */
interface FirstByteSample extends Record<string, string | number> {
  readonly relay: string;
  readonly round: number;
  readonly requests: number;
  readonly failures: number;
  readonly firstByteP50Ms: number;
  readonly firstByteP99Ms: number;
  readonly tokenP50Ms: number;
  readonly tokenP99Ms: number;
}

async function measure({ options, bench, relays, attempt }: BenchRun): Promise<BenchOutcome> {
  const site = await startLocalSite(bench);
  const job = {
    protocol: "http/1.1",
    connections: 1,
    streamsPerConnection: 1,
    method: "POST",
    path: `/tokens?interval=${INTERVAL_MS}&count=${TOKENS}&prompt`,
    body: CHAT_BODY,
    isEndless: false,
  } as const;
  const times = { warmUpMs: options.isSmall ? 200 : 3000, windowMs: options.windowMs };
  const samples: FirstByteSample[] = [];
  for (let round = 0; round < options.rounds; round++) {
    for (const { relay } of alternated(relays, round)) {
      await attempt(`round ${round + 1} of ${options.rounds}, ${relay.name}`, async () => {
        const { report } = await measureRelay(relay, { site, job, timeoutMs: STEADY_TIMEOUT_MS, ...times });
        const firstByte = LatencyHistogram.fromRecord(report.firstByte);
        const token = LatencyHistogram.fromRecord(report.tokenDelay);
        samples.push({
          relay: relay.name,
          round,
          requests: report.exchanges,
          failures: report.failures,
          firstByteP50Ms: firstByte.percentileMs(0.5),
          firstByteP99Ms: firstByte.percentileMs(0.99),
          tokenP50Ms: token.percentileMs(0.5),
          tokenP99Ms: token.percentileMs(0.99),
        });
      });
    }
  }
  return {
    parameters: {
      "tokens a request": TOKENS,
      "ms between tokens": INTERVAL_MS,
      rounds: options.rounds,
      "s a window": options.windowMs / 1000,
    },
    tables: [
      table("Milliseconds; median of the rounds (smallest–largest)", samples, () => 0),
      ...addedTable(samples),
    ],
    samples,
  };
}

const COLUMNS = ["firstByteP50Ms", "firstByteP99Ms", "tokenP50Ms", "tokenP99Ms"] as const;

function table(
  title: string,
  samples: readonly FirstByteSample[],
  baseOf: (sample: FirstByteSample, column: typeof COLUMNS[number]) => number,
): ResultTable {
  const names = [...new Set(samples.map(({ relay }) => relay))];
  const cell = (name: string, column: typeof COLUMNS[number]) => {
    const own = samples.filter(({ relay }) => relay === name);
    return spreadText(spreadOf(own.map((sample) => sample[column] - baseOf(sample, column))));
  };
  return {
    title,
    columns: ["relay", "first byte p50", "first byte p99", "token p50", "token p99"],
    rows: names.map((name) => [name, ...COLUMNS.map((column) => cell(name, column))]),
  };
}

/** What each relay adds to the direct way of the same round. */
function addedTable(samples: readonly FirstByteSample[]): ResultTable[] {
  const direct = samples.filter(({ relay }) => relay === "direct");
  const others = samples.filter(({ relay }) => relay !== "direct");
  if (direct.length === 0 || others.length === 0) return [];
  return [
    table(
      "Milliseconds added to the direct way of the same round",
      others,
      (sample, column) => direct.find(({ round }) => round === sample.round)?.[column] ?? NaN,
    ),
  ];
}

if (import.meta.main) {
  Deno.exitCode = await runBench({
    name: "first_byte",
    relays: LOOPBACK_RELAYS_AND_DIRECT,
    defaults: { rounds: 3, windowMs: 20_000 },
    measure,
  }, Deno.args);
}
