import assert from "node:assert/strict";
import { BenchUsageError, parseBenchOptions } from "../../../bench/harness/bench_options.ts";

const DEFAULTS = {
  rounds: 3,
  windowMs: 20_000,
  lists: [{ name: "losses", doc: "lost", allowed: ["0", "1", "3"], defaults: ["0", "3"], small: ["3"] }],
};

Deno.test("parseBenchOptions() takes what is said, else the defaults, fewer for a small run", () => {
  const said = parseBenchOptions(["--rounds", "5", "--seconds", "7", "--losses", "1,0,1"], DEFAULTS);
  assert.deepEqual([said.rounds, said.windowMs, said.lists.losses], [5, 7000, ["1", "0"]]);
  const unsaid = parseBenchOptions(["--only", "a", "--only", "b"], DEFAULTS);
  assert.deepEqual([unsaid.rounds, unsaid.windowMs, unsaid.lists.losses], [3, 20_000, ["0", "3"]]);
  assert.deepEqual(unsaid.only, ["a", "b"]);
  const small = parseBenchOptions(["--small"], DEFAULTS);
  assert.deepEqual([small.isSmall, small.rounds, small.windowMs, small.lists.losses], [true, 1, 1000, ["3"]]);
});

Deno.test("parseBenchOptions() refuses what it does not know, and tells the bench's own options", () => {
  for (const args of [["--losses", "1,2"], ["--rounds", "0"], ["--wrong"], ["--losses"]]) {
    assert.throws(() => parseBenchOptions(args, DEFAULTS), BenchUsageError, args.join(" "));
  }
  assert.throws(() => parseBenchOptions(["--wrong"], DEFAULTS), /--losses A,B {3}lost: 0, 1, 3/);
  assert.throws(() => parseBenchOptions(["--losses", "1"], { rounds: 1, windowMs: 1 }), BenchUsageError);
});
