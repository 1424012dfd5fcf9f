import assert from "node:assert/strict";
import { ROOT } from "./module_graph.ts";

for (const args of [["fmt", "--check"], ["lint"]]) {
  Deno.test(`deno ${args.join(" ")} has nothing to say`, async () => {
    const { success, stderr } = await new Deno.Command(Deno.execPath(), {
      args,
      cwd: ROOT,
      env: { NO_COLOR: "1" },
    }).output();
    assert.ok(success, new TextDecoder().decode(stderr).slice(-3000));
  });
}
