/**
 * Bench (e): how late tokens are over a lossy link, with and without jitter. Client and edge stand at one end of an
 * emulated link, core and origin at the other; every token carries the moment of its sending, and what is told is its
 * delay beyond the one-way time of the link, lost packets and their retransmissions included.
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
const JITTER_MS = 10;
const STREAMS = 64;
const TOKENS_PER_SECOND = 25;
const STEADY_TIMEOUT_MS = 90_000;
const BASE = "nginx";

const LOSSES = ["0", "1", "2", "3", "5", "8", "10"];
/** What `--jitter` takes, and how tables call it. */
const JITTERS: Readonly<Record<string, string>> = {
  none: "no jitter",
  kept: `± ${JITTER_MS} ms of jitter that keeps the order`,
  reordered: `± ${JITTER_MS} ms of jitter that reorders`,
};

interface Condition {
  readonly lossPercent: number;
  /** A key of `JITTERS`. */
  readonly jitter: string;
}

/** Delays beyond the one-way time, in milliseconds. */
interface BorderSample extends Condition, Record<string, string | number> {
  readonly relay: string;
  readonly lossPercent: number;
  readonly jitter: string;
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
  const { losses = [], jitter: jitters = [] } = options.lists;
  const conditions = jitters.flatMap((jitter) =>
    losses.map((loss): Condition => ({ lossPercent: Number(loss), jitter }))
  );
  const streams = options.isSmall ? 8 : STREAMS;
  const link = await EmulatedLink.open(bench, { delayMs: DELAY_MS, seed: 1 });
  const addresses = [link.a.address, link.b.address];
  const certificates = await writeSiteCertificates(bench.makeDirectory("certificates"), addresses);
  const origin = await startOrigin(bench, link.b);
  const site = { bench, edge: link.a, core: link.b, originPort: origin.port, certificates };
  const job = {
    protocol: "http/1.1",
    connections: streams,
    streamsPerConnection: 1,
    method: "POST",
    path: `/tokens?interval=${1000 / TOKENS_PER_SECOND}`,
    body: CHAT_BODY,
    isEndless: false,
  } as const;
  const times = { warmUpMs: options.isSmall ? 200 : 5000, windowMs: options.windowMs };
  const samples: BorderSample[] = [];
  for (let round = 0; round < options.rounds; round++) {
    for (const condition of alternated(conditions, round)) {
      for (const { relay } of alternated(relays, round)) {
        const what = `round ${round + 1} of ${options.rounds}, ${conditionText(condition)}, ${relay.name}`;
        await attempt(what, async () => {
          await link.setLoss(condition.lossPercent);
          await link.setJitter(condition.jitter === "none" ? 0 : JITTER_MS, {
            reorder: condition.jitter === "reordered",
          });
          const { report } = await measureRelay(relay, { site, job, timeoutMs: STEADY_TIMEOUT_MS, ...times });
          const delivered = report.tokens / (streams * TOKENS_PER_SECOND * report.seconds);
          samples.push({ relay: relay.name, ...condition, round, delivered, ...delaysOf(report) });
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
    tables: conditions.map((condition) => table(condition, samples)),
    samples,
  };
}

function conditionText({ lossPercent, jitter }: Condition): string {
  return `${lossPercent} % lost each way, ${JITTERS[jitter] ?? jitter}`;
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

function table(condition: Condition, samples: readonly BorderSample[]): ResultTable {
  const { lossPercent, jitter } = condition;
  const set = new SampleSet(
    samples.filter((sample) => sample.lossPercent === lossPercent && sample.jitter === jitter),
  );
  return {
    title: `${conditionText(condition)}: ms of token delay beyond ${DELAY_MS}; ` +
      "median of the rounds (smallest–largest)",
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
    defaults: {
      rounds: 2,
      windowMs: 12_000,
      lists: [
        {
          name: "losses",
          doc: "percent of packets lost each way",
          allowed: LOSSES,
          defaults: ["0", "1", "3", "5", "8"],
          small: ["3"],
        },
        {
          name: "jitter",
          doc: `none, or ± ${JITTER_MS} ms that keeps the order or not`,
          allowed: Object.keys(JITTERS),
          defaults: ["none", "kept"],
          small: ["kept"],
        },
      ],
    },
    missing: whyNoLink,
    measure,
  }, Deno.args);
}
