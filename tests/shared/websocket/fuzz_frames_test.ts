import assert from "node:assert/strict";
import { fuzzFrames } from "./fuzz_frames.ts";

Deno.test("fuzzFrames() finds no input that is read otherwise than the reference reads it", () => {
  const seen = fuzzFrames({ seed: 1, runs: 4_000 });
  for (const kind of ["data", "ping", "pong", "close", "violation"]) assert.ok((seen[kind] ?? 0) > 100, kind);
});
