/**
 * Bench (f): what streams feel when the link between edge and core fails under them. At a steady load over a link that
 * loses a little, either the one TCP connection or QUIC flow that carries the most vanishes for good, in silence or with a
 * TCP reset, or the whole link is dark for a while. Told are the longest gap between two tokens of a stream, and streams
 * that broke or went silent.
 */
import { CHAT_BODY } from "./harness/chat_body.ts";
import { sleep } from "./harness/measure_window.ts";
import { shortNumber } from "./harness/number_text.ts";
import { type BenchOutcome, type BenchRun, runBench } from "./harness/run_bench.ts";
import { withLoad, withRelay } from "./harness/run_relay.ts";
import { SampleSet } from "./harness/sample_set.ts";
import { alternated, median } from "./harness/statistics.ts";
import type { ResultTable } from "./harness/text_table.ts";
import type { LoadReport } from "./load/load_job.ts";
import { startOrigin } from "./origin/start_origin.ts";
import { BORDER_RELAYS } from "./relays/all_relays.ts";
import { writeSiteCertificates } from "./relays/site_certificates.ts";
import { EmulatedLink, whyNoLink } from "./wanlink/emulated_link.ts";

const DELAY_MS = 20;
const LOSS_PERCENT = 1;
const STREAMS = 64;
const TOKENS_PER_SECOND = 25;
const STEADY_TIMEOUT_MS = 90_000;
const BLACKOUT_MS = 5000;
/** A stream without a token for longer than that had a pause that a reader sees; losses alone make none. */
const PAUSE_MS = 1000;
/** Of a small run, from the fault on. */
const SMALL_WINDOW_MS = 4000;

/** What `--faults` takes, and how tables call it. */
const FAULTS: Readonly<Record<string, string>> = {
  cut: "The busiest connection's packets vanish for good",
  reset: "The busiest connection is reset (TCP) or vanishes (QUIC)",
  blackout: `Nothing passes for ${BLACKOUT_MS / 1000} s`,
};

interface RecoverySample extends Record<string, string | number> {
  readonly relay: string;
  readonly fault: string;
  readonly round: number;
  readonly streams: number;
  readonly tokens: number;
  /** The connection that was cut, and its share of the link's bytes in the second before. */
  readonly flow: string;
  readonly medianGapMs: number;
  readonly longestGapMs: number;
  readonly paused: number;
  readonly broken: number;
  readonly silent: number;
  readonly lostTokens: number;
  readonly repeatedTokens: number;
}

async function measure({ options, bench, relays, attempt }: BenchRun): Promise<BenchOutcome> {
  const { faults = [] } = options.lists;
  const streams = options.isSmall ? 8 : STREAMS;
  const warmUpMs = options.isSmall ? 500 : 3000;
  const windowMs = options.isSmall ? SMALL_WINDOW_MS : options.windowMs;
  const link = await EmulatedLink.open(bench, { delayMs: DELAY_MS, seed: 1 });
  await link.setLoss(LOSS_PERCENT);
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
    isEndless: true,
  } as const;
  const samples: RecoverySample[] = [];
  for (let round = 0; round < options.rounds; round++) {
    for (const fault of alternated(faults, round)) {
      for (const { relay } of alternated(relays, round)) {
        await attempt(
          `round ${round + 1} of ${options.rounds}, ${fault}, ${relay.name}`,
          () =>
            withRelay(
              relay,
              site,
              (running) =>
                withLoad(running, { site, job, timeoutMs: STEADY_TIMEOUT_MS }, async (client) => {
                  await sleep(warmUpMs);
                  await client.startWindow();
                  const flow = await doHarm(link, fault);
                  await sleep(windowMs);
                  const felt = feltBy(await client.stopWindow());
                  samples.push({ relay: relay.name, fault, round, streams, flow, ...felt });
                }),
            ),
        );
      }
    }
  }
  return {
    parameters: {
      "ms one way": DELAY_MS,
      "% lost each way": LOSS_PERCENT,
      streams,
      "tokens/s a stream": TOKENS_PER_SECOND,
      "TCP at both ends": link.congestionControl,
      rounds: options.rounds,
      "s from the fault on": windowMs / 1000,
    },
    tables: faults.map((fault) => table(fault, samples)),
    samples,
  };
}

/** @returns which connection was cut, if one was */
async function doHarm(link: EmulatedLink, fault: string): Promise<string> {
  if (fault === "blackout") {
    await link.blackout(BLACKOUT_MS);
    return "";
  }
  const cut = await link.cutBusiest({ isReset: fault === "reset" });
  if (cut === null) throw new Error("nothing went over the link");
  return cut.flow;
}

function feltBy(report: LoadReport) {
  const { longestGapsMs, silentMs } = report;
  return {
    tokens: report.tokens,
    medianGapMs: median(longestGapsMs),
    longestGapMs: Math.max(...longestGapsMs),
    paused: longestGapsMs.filter((ms) => ms > PAUSE_MS).length,
    broken: report.brokenConnections,
    silent: silentMs.filter((ms) => ms > PAUSE_MS).length,
    lostTokens: report.lostTokens,
    repeatedTokens: report.repeatedTokens,
  };
}

function table(fault: string, samples: readonly RecoverySample[]): ResultTable {
  const set = new SampleSet(samples.filter((sample) => sample.fault === fault));
  const count = (relay: string, column: string) =>
    shortNumber(set.median(relay, column)).replace(/\.0+$/, "");
  return {
    title: `${FAULTS[fault] ?? fault}: streams of ${samples[0]?.streams ?? 0}; median of the rounds`,
    columns: [
      "relay",
      "longest gap ms",
      "of half the streams below",
      `paused > ${PAUSE_MS / 1000} s`,
      "broken",
      "silent at the end",
      "tokens lost",
      "repeated",
    ],
    rows: set.relays.map((relay) => [
      relay,
      set.spreadText(relay, "longestGapMs"),
      set.spreadText(relay, "medianGapMs"),
      ...["paused", "broken", "silent", "lostTokens", "repeatedTokens"].map((column) => count(relay, column)),
    ]),
  };
}

if (import.meta.main) {
  Deno.exitCode = await runBench({
    name: "recovery",
    relays: BORDER_RELAYS,
    defaults: {
      rounds: 2,
      windowMs: 15_000,
      lists: [{
        name: "faults",
        doc: "what happens to the link",
        allowed: Object.keys(FAULTS),
        defaults: ["cut", "blackout"],
        small: ["cut"],
      }],
    },
    missing: whyNoLink,
    measure,
  }, Deno.args);
}
