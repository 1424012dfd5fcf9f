/**
 * Bench (d): memory of edge and core for each stream that is held open. Growth is told from the moment before the
 * clients come (the relay has served one request) to the moment when all streams are held and each has brought at
 * least one token.
 */
import { CHAT_BODY } from "./harness/chat_body.ts";
import { descriptorLimit } from "./harness/descriptor_limit.ts";
import { startLocalSite } from "./harness/local_site.ts";
import { sleep } from "./harness/measure_window.ts";
import { ratioText, shortNumber } from "./harness/number_text.ts";
import { type MemoryUse, readMemoryUse } from "./harness/process_tree.ts";
import { type BenchOutcome, type BenchRun, runBench } from "./harness/run_bench.ts";
import { withLoad, withRelay } from "./harness/run_relay.ts";
import { SampleSet } from "./harness/sample_set.ts";
import { alternated } from "./harness/statistics.ts";
import type { ResultTable } from "./harness/text_table.ts";
import type { LoadJob, LoadReport } from "./load/load_job.ts";
import { LOOPBACK_RELAYS } from "./relays/all_relays.ts";
import type { Relay, RelaySite, RunningRelay } from "./relays/relay.ts";

const STREAMS = 10_000;
const STREAMS_PER_HTTP2_CONNECTION = 100;
const TOKEN_INTERVAL_MS = 10_000;
/** Ten thousand TLS handshakes through three processes on a small machine. */
const STEADY_TIMEOUT_MS = 180_000;
/** That a process holds beside those of streams. */
const OTHER_DESCRIPTORS = 500;
const BASE = "nginx";

type Protocol = LoadJob["protocol"];

interface MemorySample extends Record<string, string | number> {
  readonly relay: string;
  readonly protocol: Protocol;
  readonly round: number;
  readonly streams: number;
  readonly tokens: number;
  readonly failures: number;
  /** Resident before, and growth for each stream, in KiB. */
  readonly edgeBeforeKib: number;
  readonly coreBeforeKib: number;
  readonly edgePssKib: number;
  readonly corePssKib: number;
  readonly edgeRssKib: number;
  readonly coreRssKib: number;
}

async function measure({ options, bench, relays, attempt }: BenchRun): Promise<BenchOutcome> {
  const wanted = options.isSmall ? 200 : STREAMS;
  const intervalMs = options.isSmall ? 1000 : TOKEN_INTERVAL_MS;
  const site = await startLocalSite(bench);
  const samples: MemorySample[] = [];
  for (let round = 0; round < options.rounds; round++) {
    for (const protocol of alternated(["http/1.1", "h2"] as const, round)) {
      for (const { relay } of alternated(relays, round)) {
        await attempt(`round ${round + 1} of ${options.rounds}, ${protocol}, ${relay.name}`, async () => {
          const streams = Math.min(wanted, maxStreams(relay));
          const held = await withRelay(
            relay,
            site,
            (running) =>
              holdStreams(running, { site, protocol, streams, intervalMs, holdMs: options.windowMs }),
          );
          samples.push({ relay: relay.name, protocol, round, streams, ...held });
        });
      }
    }
  }
  return {
    parameters: {
      "streams at most": wanted,
      "streams an h2 connection": STREAMS_PER_HTTP2_CONNECTION,
      "s between tokens": intervalMs / 1000,
      rounds: options.rounds,
      "s held": options.windowMs / 1000,
    },
    tables: [table("http/1.1", samples), table("h2", samples)],
    samples,
  };
}

/** Whole connections' worth of what the descriptors of one process are enough for. */
function maxStreams({ descriptorsPerStream }: Relay): number {
  const streams = (descriptorLimit() - OTHER_DESCRIPTORS) / descriptorsPerStream;
  return Math.floor(streams / STREAMS_PER_HTTP2_CONNECTION) * STREAMS_PER_HTTP2_CONNECTION;
}

interface HoldOptions {
  readonly site: RelaySite;
  readonly protocol: Protocol;
  readonly streams: number;
  readonly intervalMs: number;
  readonly holdMs: number;
}

async function holdStreams(running: RunningRelay, options: HoldOptions) {
  const { site, protocol, streams, intervalMs, holdMs } = options;
  const { nodes } = running;
  if (nodes === null) throw new TypeError("nothing to measure between client and origin");
  const base = { protocol, method: "POST", path: "", body: CHAT_BODY, isEndless: false } as const;
  // One request, so that what the first one costs is not counted as the streams'.
  const one = { ...base, connections: 1, streamsPerConnection: 1, path: "/tokens?interval=100" };
  await withLoad(running, { site, job: one, timeoutMs: STEADY_TIMEOUT_MS }, () => sleep(200));
  const before = { edge: readMemoryUse(nodes.edge.pid), core: readMemoryUse(nodes.core.pid) };
  const streamsPerConnection = protocol === "h2" ? STREAMS_PER_HTTP2_CONNECTION : 1;
  const job = {
    ...base,
    connections: streams / streamsPerConnection,
    streamsPerConnection,
    path: `/tokens?interval=${intervalMs}`,
  };
  return await withLoad(running, { site, job, timeoutMs: STEADY_TIMEOUT_MS }, async (client) => {
    await client.startWindow();
    await sleep(Math.max(holdMs, intervalMs));
    const after = { edge: readMemoryUse(nodes.edge.pid), core: readMemoryUse(nodes.core.pid) };
    return memoryGrowth({ before, after, streams, report: await client.stopWindow() });
  });
}

type NodesMemory = Readonly<Record<"edge" | "core", MemoryUse>>;

function memoryGrowth(
  { before, after, streams, report }: {
    before: NodesMemory;
    after: NodesMemory;
    streams: number;
    report: LoadReport;
  },
) {
  const kib = (node: "edge" | "core", kind: keyof MemoryUse) =>
    (after[node][kind] - before[node][kind]) / 1024 / streams;
  return {
    tokens: report.tokens,
    failures: report.failures,
    edgeBeforeKib: before.edge.pss / 1024,
    coreBeforeKib: before.core.pss / 1024,
    edgePssKib: kib("edge", "pss"),
    corePssKib: kib("core", "pss"),
    edgeRssKib: kib("edge", "rss"),
    coreRssKib: kib("core", "rss"),
  };
}

function table(protocol: Protocol, samples: readonly MemorySample[]): ResultTable {
  const set = new SampleSet(samples.filter((sample) => sample.protocol === protocol));
  const ofBase = (relay: string, column: string) =>
    ratioText(set.median(relay, column), set.median(BASE, column));
  return {
    title: `Clients over ${protocol}: KiB a held stream; median of the rounds (smallest–largest)`,
    columns: [
      "relay",
      "streams",
      "edge PSS",
      `of ${BASE}`,
      "core PSS",
      `of ${BASE}`,
      "edge RSS",
      "core RSS",
      "idle edge MiB",
    ],
    rows: set.relays.map((relay) => [
      relay,
      String(set.median(relay, "streams")),
      set.spreadText(relay, "edgePssKib"),
      ofBase(relay, "edgePssKib"),
      set.spreadText(relay, "corePssKib"),
      ofBase(relay, "corePssKib"),
      set.spreadText(relay, "edgeRssKib"),
      set.spreadText(relay, "coreRssKib"),
      shortNumber(set.median(relay, "edgeBeforeKib") / 1024),
    ]),
  };
}

if (import.meta.main) {
  Deno.exitCode = await runBench({
    name: "memory",
    relays: LOOPBACK_RELAYS,
    defaults: { rounds: 3, windowMs: 20_000 },
    measure,
  }, Deno.args);
}
