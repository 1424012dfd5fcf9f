import assert from "node:assert/strict";
import { ConfigFolder, example, lineOf } from "../shared/config/config_folder.ts";
import { runDeploy } from "./run_deploy.ts";

const PERMISSIONS = ["--allow-read", "--allow-env"];

Deno.test("check() says that a file is valid and of which node", async () => {
  await using folder = await ConfigFolder.create();
  const args = ["--config", folder.file("coreConfig")];
  const result = await runDeploy("check.ts", { args, permissions: PERMISSIONS });
  assert.equal(result.stdout, `${folder.file("coreConfig")} is valid (core)\n`);
  assert.equal(result.code, 0);
});

Deno.test("check() prints each problem with place, value and what is allowed, and ends with 1", async () => {
  await using folder = await ConfigFolder.create();
  const text = example("edge", { "max_waiting: 1000": "max_waiting: -1", "level: info": "level: loud" });
  const file = await folder.write("bad.yaml", text);
  const result = await runDeploy("check.ts", { args: ["--config", file], permissions: PERMISSIONS });
  const expected = [
    `${file}:${lineOf(text, "max_waiting: -1")}:16: tunnel.max_waiting is not allowed`,
    "    found:   -1",
    "    allowed: an integer from 0 to 1000000",
    `${file}:${lineOf(text, "level: loud")}:10: log.level is not allowed`,
    '    found:   "loud"',
    "    allowed: debug, info, warn, error",
    `${file} has 2 problems`,
    "",
  ];
  assert.deepEqual(result.stdout.split("\n"), expected);
  assert.equal(result.code, 1);
});

Deno.test("check() takes secrets from the environment and tells when it may not", async () => {
  await using folder = await ConfigFolder.create();
  const file = await folder.write("env.yaml", example("edge", { "name: hk-1": "name: ${EDGE_NAME}" }));
  const run = { args: ["--config", file], env: { EDGE_NAME: "hk-7" } };
  const allowed = await runDeploy("check.ts", { ...run, permissions: PERMISSIONS });
  assert.equal(allowed.code, 0, allowed.stdout);
  // The YAML parser itself looks for these two.
  const permissions = ["--allow-read", "--allow-env=LOG_TOKENS,LOG_STREAM"];
  const denied = await runDeploy("check.ts", { ...run, permissions });
  assert.match(
    denied.stdout,
    /name needs the environment variable EDGE_NAME, which this process may not read/,
  );
  assert.equal(denied.code, 1);
});

Deno.test("check() ends with 2 for a command line that makes no sense", async () => {
  for (const args of [[], ["--config"], ["--konfig", "x"], ["stray"]]) {
    const result = await runDeploy("check.ts", { args, permissions: PERMISSIONS });
    assert.equal(result.code, 2, args.join(" "));
    assert.match(result.stderr, /Usage: deno task check --config FILE/);
  }
});
