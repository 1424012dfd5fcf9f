/**
 * Bench (e): how late tokens are over a lossy link. Client and edge stand at one end of an emulated link, core and
 * origin at the other; every token carries the moment of its sending, and what is told is its delay beyond the one-way
 * time of the link, lost packets and their retransmissions included.
 */
import { CHAT_BODY } from "./harness/chat_body.ts";
import { LatencyHistogram } from "./harness/latency_histogram.ts";
import { ratioText, shortNumber } from "./harness/number_text.ts";
import { type BenchOutcome, type BenchRun, runBench } from "./harness/run_bench.ts";
import { measureRelay } from "./harness/run_relay.ts";
import { SampleSet } from "./harness/sample_set.ts";
import { alternated } from "./harness/statistics.ts";
import type { ResultTable } from "./harness/text_table.ts";
import type { LoadReport } from "./load/load_job.ts";
import { startOrigin } from "./origin/start_origin.ts";
import { BORDER_RELAYS } from "./relays/all_relays.ts";
import { writeSiteCertificates } from "./relays/site_certificates.ts";
import { EmulatedLink, whyNoLink } from "./wanlink/emulated_link.ts";

const DELAY_MS = 20;
const STREAMS = 64;
const TOKENS_PER_SECOND = 25;
const STEADY_TIMEOUT_MS = 90_000;
const BASE = "nginx";

/** Delays beyond the one-way time, in milliseconds. */
interface BorderSample extends Record<string, string | number> {
  readonly relay: string;
  readonly lossPercent: number;
  readonly round: number;
  readonly tokens: number;
  readonly failures: number;
  readonly delivered: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly maxMs: number;
}

async function measure({ options, bench, relays, attempt }: BenchRun): Promise<BenchOutcome> {
  const losses = options.isSmall ? [3] : [0, 1, 3, 5];
  const streams = options.isSmall ? 8 : STREAMS;
  const link = await EmulatedLink.open(bench, { delayMs: DELAY_MS, seed: 1 });
  const certificates = await writeSiteCertificates(bench.makeDirectory("certificates"), [link.b.address]);
  const origin = await startOrigin(bench, link.b);
  const site = { bench, edge: link.a, core: link.b, originPort: origin.port, certificates };
  const job = {
    protocol: "http/1.1",
    connections: streams,
    streamsPerConnection: 1,
    method: "POST",
    path: `/tokens?interval=${1000 / TOKENS_PER_SECOND}`,
    body: CHAT_BODY,
  } as const;
  const times = { warmUpMs: options.isSmall ? 200 : 5000, windowMs: options.windowMs };
  const samples: BorderSample[] = [];
  for (let round = 0; round < options.rounds; round++) {
    for (const lossPercent of alternated(losses, round)) {
      for (const { relay } of alternated(relays, round)) {
        const what = `round ${round + 1} of ${options.rounds}, ${lossPercent} % lost, ${relay.name}`;
        await attempt(what, async () => {
          await link.setLoss(lossPercent);
          const { report } = await measureRelay(relay, { site, job, timeoutMs: STEADY_TIMEOUT_MS, ...times });
          const delivered = report.tokens / (streams * TOKENS_PER_SECOND * report.seconds);
          samples.push({ relay: relay.name, lossPercent, round, delivered, ...delaysOf(report) });
        });
      }
    }
  }
  return {
    parameters: {
      "ms one way": DELAY_MS,
      streams,
      "tokens/s a stream": TOKENS_PER_SECOND,
      "TCP at both ends": link.congestionControl,
      rounds: options.rounds,
      "s a window": options.windowMs / 1000,
    },
    tables: losses.map((lossPercent) => table(lossPercent, samples)),
    samples,
  };
}

function delaysOf({ tokenDelay, tokens, failures }: LoadReport) {
  const delay = LatencyHistogram.fromRecord(tokenDelay);
  return {
    tokens,
    failures,
    p50Ms: delay.percentileMs(0.5) - DELAY_MS,
    p99Ms: delay.percentileMs(0.99) - DELAY_MS,
    p999Ms: delay.percentileMs(0.999) - DELAY_MS,
    maxMs: delay.maxMs - DELAY_MS,
  };
}

function table(lossPercent: number, samples: readonly BorderSample[]): ResultTable {
  const set = new SampleSet(samples.filter((sample) => sample.lossPercent === lossPercent));
  return {
    title:
      `${lossPercent} % lost each way: ms of token delay beyond ${DELAY_MS}; median of the rounds (smallest–largest)`,
    columns: ["relay", "p50", "p99", `p99 of ${BASE}`, "p99.9", "largest", "delivered"],
    rows: set.relays.map((relay) => [
      relay,
      set.spreadText(relay, "p50Ms"),
      set.spreadText(relay, "p99Ms"),
      ratioText(set.median(relay, "p99Ms"), set.median(BASE, "p99Ms")),
      set.spreadText(relay, "p999Ms"),
      shortNumber(set.median(relay, "maxMs")),
      `${(100 * set.median(relay, "delivered")).toFixed(1)} %`,
    ]),
  };
}

if (import.meta.main) {
  Deno.exitCode = await runBench({
    name: "border",
    relays: BORDER_RELAYS,
    defaults: { rounds: 3, windowMs: 20_000 },
    missing: whyNoLink,
    measure,
  }, Deno.args);
}
