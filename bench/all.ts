/** Runs every bench, one after the other, each with the arguments given here. */
import { fileURLToPath } from "node:url";
import { BENCH_NAMES } from "./harness/bench_names.ts";
import { NOT_RUN_STATUS } from "./harness/run_bench.ts";

const failed: string[] = [];
for (const name of BENCH_NAMES) {
  const script = fileURLToPath(new URL(`${name}.ts`, import.meta.url));
  const { code } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--frozen", "-A", script, ...Deno.args],
    stdin: "null",
  }).spawn().status;
  if (code !== 0 && code !== NOT_RUN_STATUS) failed.push(name);
  console.log();
}
if (failed.length > 0) {
  console.error(`failed: ${failed.join(", ")}`);
  Deno.exitCode = 1;
}
