import assert from "node:assert/strict";
import { createLogger } from "../../../shared/observe/logger.ts";
import { Acceptor } from "../../../shared/server/acceptor.ts";
import { ListenerCounters } from "../../../shared/server/listener_counters.ts";

const log = createLogger({ node: "test", level: "error" });

Deno.test("Acceptor accepts what is queued before it closes", async () => {
  for (let round = 0; round < 20; round++) {
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = listener.addr as Deno.NetAddr;
    const dialled: Deno.Conn[] = [];
    for (let i = 0; i < 10; i++) dialled.push(await Deno.connect({ hostname: "127.0.0.1", port }));
    const accepted: Deno.Conn[] = [];
    const acceptor = new Acceptor(listener, {
      onConnection: (connection) => void accepted.push(connection),
      counters: new ListenerCounters(),
      log,
    });
    await acceptor.close();
    assert.equal(accepted.length, 10);
    await assert.rejects(Deno.connect({ hostname: "127.0.0.1", port }), Deno.errors.ConnectionRefused);
    for (const connection of [...accepted, ...dialled]) connection.close();
  }
});

Deno.test("Acceptor outlives a lack of descriptors and goes on when one is given back", async () => {
  const file = await Deno.makeTempFile({ suffix: ".ts" });
  const url = (path: string) => JSON.stringify(new URL(`../../../shared/${path}`, import.meta.url).href);
  // A process of its own: the lack must not touch the test runner.
  await Deno.writeTextFile(
    file,
    `
    import { createLogger } from ${url("observe/logger.ts")};
    import { Acceptor } from ${url("server/acceptor.ts")};
    import { ListenerCounters } from ${url("server/listener_counters.ts")};
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const counters = new ListenerCounters();
    const accepted = [];
    let more = () => {};
    let failed = () => {};
    const log = { ...createLogger({ node: "test" }), warn: () => failed() };
    const acceptor = new Acceptor(listener, { counters, log, onConnection(one) { accepted.push(one); more(); } });
    const files = [];
    try { for (;;) files.push(Deno.openSync("/dev/null")); } catch (error) { if (error.code !== "EMFILE") throw error; }
    const exhausted = new Promise((resolve) => failed = resolve);
    files.pop().close(); // for the socket that dials; the one that is accepted finds none
    const dialled = await Deno.connect(listener.addr);
    await exhausted;
    const accepting = new Promise((resolve) => more = resolve);
    for (const file of files.splice(0)) file.close();
    acceptor.descriptorFreed();
    await accepting;
    dialled.close();
    for (const one of accepted) one.close();
    await acceptor.close();
    console.log(JSON.stringify({ accepted: accepted.length, exhausted: counters.descriptorExhaustions > 0 }));`,
  );
  try {
    const output = await new Deno.Command("sh", {
      args: [
        "-c",
        `ulimit -n 100; exec "$0" run -A --no-lock --config "$1" "$2"`,
        Deno.execPath(),
        "deno.json",
        file,
      ],
      cwd: new URL("../../../", import.meta.url),
      stderr: "inherit",
    }).output();
    assert.deepEqual(JSON.parse(new TextDecoder().decode(output.stdout)), { accepted: 1, exhausted: true });
  } finally {
    await Deno.remove(file);
  }
});
