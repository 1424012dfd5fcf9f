import assert from "node:assert/strict";
import { fuzz, readCorpus } from "./fuzz_http1.ts";

Deno.test("fuzz() finds no input that breaks an invariant, from the corpus and a fixed seed", () => {
  assert.ok(readCorpus("server").length > 50 && readCorpus("client").length > 20);
  fuzz({ seed: 1, runs: 3000 });
});
