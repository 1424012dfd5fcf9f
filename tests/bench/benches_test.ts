/** Runs every bench once, small, with whatever peers are installed: so that none of them rots. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { BENCH_NAMES, type BenchName } from "../../bench/harness/bench_names.ts";
import { type BenchResult, readBenchResult } from "../../bench/harness/bench_result.ts";
import { UNPACKAGED_RELAYS } from "../../bench/relays/all_relays.ts";
import { whyNoLink } from "../../bench/wanlink/emulated_link.ts";

const MUST_HAVE_SERVERS = Deno.env.get("LOWU_REQUIRE_SERVERS") === "1";

const missing: Partial<Record<BenchName, string>> = {};
const noLink = await whyNoLink();
if (noLink !== null) missing.border = missing.recovery = noLink;

for (const name of BENCH_NAMES) {
  const why = missing[name];
  const note = why === undefined ? "" : ` (skipped: ${why})`;
  Deno.test({
    name: `bench ${name} runs small and measures every relay${note}`,
    ignore: why !== undefined && !MUST_HAVE_SERVERS,
    fn: () => runSmall(name),
  });
}

async function runSmall(name: BenchName): Promise<void> {
  const directory = await Deno.makeTempDir({ prefix: "lowu-bench-test-" });
  try {
    const script = fileURLToPath(new URL(`../../bench/${name}.ts`, import.meta.url));
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--frozen", "--no-check", "-A", script, "--small", "--results", directory],
      stdin: "null",
    }).output();
    const decoder = new TextDecoder();
    assert.equal(code, 0, decoder.decode(stdout) + decoder.decode(stderr));
    const result = await readBenchResult(directory, name);
    assert.ok(result !== null, "no result was written");
    const mayLack = new Set(UNPACKAGED_RELAYS.map((relay) => relay.name));
    if (MUST_HAVE_SERVERS) assert.deepEqual(result.notRun.filter(({ name }) => !mayLack.has(name)), []);
    const names = result.relays.map((relay) => relay.name);
    assert.ok(names.includes("Lowu") && names.includes("Lowu TLS"));
    assert.deepEqual([...new Set(result.samples.map(({ relay }) => relay))].toSorted(), names.toSorted());
    for (const sample of result.samples) {
      checkSample(name, sample);
      for (const value of Object.values(sample)) {
        assert.ok(typeof value === "string" || Number.isFinite(value), JSON.stringify(sample));
      }
    }
    for (const table of result.tables) {
      for (const row of table.rows) assert.equal(row.length, table.columns.length);
    }
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

/** A relay serves every request; when the link fails under them, only Lowu's streams must all go on. */
function checkSample(name: BenchName, sample: BenchResult["samples"][number]): void {
  const shown = JSON.stringify(sample);
  if (name !== "recovery") assert.equal(sample.failures, 0, shown);
  else if (String(sample.relay).startsWith("Lowu")) {
    const { broken, silent, lostTokens, repeatedTokens } = sample;
    assert.deepEqual([broken, silent, lostTokens, repeatedTokens], [0, 0, 0, 0], shown);
  }
}
