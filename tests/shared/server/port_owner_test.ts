import assert from "node:assert/strict";
import { LIBC_PATHS } from "../../../shared/transport/libc.ts";
import { findPortOwner } from "../../../shared/server/port_owner.ts";

Deno.test("findPortOwner() finds this process, and nobody on a free port", () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  assert.equal(findPortOwner(port)?.pid, Deno.pid);
  listener.close();
  assert.equal(findPortOwner(port), null);
});

Deno.test("findPortOwner() finds the same with the C library alone, and null with nothing", async () => {
  using listener = Deno.listen({ hostname: "::1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  const module = new URL("../../../shared/server/port_owner.ts", import.meta.url).href;
  const program = `import { findPortOwner } from ${JSON.stringify(module)};
    console.log(JSON.stringify(findPortOwner(${port})));`;
  const file = await Deno.makeTempFile({ suffix: ".ts" });
  await Deno.writeTextFile(file, program);
  const run = async (...permissions: string[]) => {
    const output = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-prompt", ...permissions, file],
      stderr: "inherit",
    }).output();
    return JSON.parse(new TextDecoder().decode(output.stdout));
  };
  try {
    assert.deepEqual(await run(`--allow-ffi=${LIBC_PATHS.join(",")}`), findPortOwner(port));
    assert.equal(await run("--allow-read"), null);
  } finally {
    await Deno.remove(file);
  }
});
