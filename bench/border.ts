/**
 * Bench (e): how late tokens are over a lossy link. Client and edge stand at one end of an emulated link, core and
 * origin at the other; every token carries the moment of its sending, and what is told is its delay beyond the one-way
 * time of the link, lost packets and their retransmissions included.
 */
import { CHAT_BODY } from "./harness/chat_body.ts";
import { LatencyHistogram } from "./harness/latency_histogram.ts";
import { measureWindow } from "./harness/measure_window.ts";
import { ratioText, shortNumber, spreadText } from "./harness/number_text.ts";
import { type BenchOutcome, type BenchRun, runBench } from "./harness/run_bench.ts";
import { withLoad, withRelay } from "./harness/run_relay.ts";
import { alternated, median, spreadOf } from "./harness/statistics.ts";
import type { ResultTable } from "./harness/text_table.ts";
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

async function measure({ options, bench, relays, progress }: BenchRun): Promise<BenchOutcome> {
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
  const samples: BorderSample[] = [];
  for (let round = 0; round < options.rounds; round++) {
    for (const lossPercent of alternated(losses, round)) {
      for (const { relay } of alternated(relays, round)) {
        progress(`round ${round + 1} of ${options.rounds}, ${lossPercent} % lost, ${relay.name}`);
        await link.setLoss(lossPercent);
        const { report } = await withRelay(
          relay,
          site,
          (running) =>
            withLoad(
              running,
              { site, job, timeoutMs: STEADY_TIMEOUT_MS },
              (client) =>
                measureWindow(client, running, {
                  warmUpMs: options.isSmall ? 200 : 5000,
                  windowMs: options.windowMs,
                }),
            ),
        );
        const delay = LatencyHistogram.fromRecord(report.tokenDelay);
        samples.push({
          relay: relay.name,
          lossPercent,
          round,
          tokens: report.tokens,
          failures: report.failures,
          delivered: report.tokens / (streams * TOKENS_PER_SECOND * report.seconds),
          p50Ms: delay.percentileMs(0.5) - DELAY_MS,
          p99Ms: delay.percentileMs(0.99) - DELAY_MS,
          p999Ms: delay.percentileMs(0.999) - DELAY_MS,
          maxMs: delay.maxMs - DELAY_MS,
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

function table(lossPercent: number, samples: readonly BorderSample[]): ResultTable {
  const own = samples.filter((sample) => sample.lossPercent === lossPercent);
  const values = (relay: string, column: string) =>
    own.filter((sample) => sample.relay === relay).map((sample) => Number(sample[column]));
  const medianOf = (relay: string, column: string) => {
    const all = values(relay, column);
    return all.length === 0 ? NaN : median(all);
  };
  const spread = (relay: string, column: string) => spreadText(spreadOf(values(relay, column)));
  const names = [...new Set(own.map(({ relay }) => relay))];
  return {
    title:
      `${lossPercent} % lost each way: ms of token delay beyond ${DELAY_MS}; median of the rounds (smallest–largest)`,
    columns: ["relay", "p50", "p99", `p99 of ${BASE}`, "p99.9", "largest", "delivered"],
    rows: names.map((name) => [
      name,
      spread(name, "p50Ms"),
      spread(name, "p99Ms"),
      ratioText(medianOf(name, "p99Ms"), medianOf(BASE, "p99Ms")),
      spread(name, "p999Ms"),
      shortNumber(medianOf(name, "maxMs")),
      `${(100 * medianOf(name, "delivered")).toFixed(1)} %`,
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
