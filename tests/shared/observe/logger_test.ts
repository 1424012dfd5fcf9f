import assert from "node:assert/strict";
import fc from "fast-check";
import { createLogger, describeError, type LoggerOptions } from "../../../shared/observe/logger.ts";

function collect(options: Partial<LoggerOptions> = {}) {
  const writes: string[] = [];
  let wake = () => {};
  const log = createLogger({
    node: "edge",
    wallClock: () => Date.UTC(2026, 0, 2),
    write(bytes) {
      writes.push(new TextDecoder().decode(bytes));
      wake();
    },
    ...options,
  });
  return { log, writes, written: () => new Promise<void>((resolve) => wake = resolve) };
}

Deno.test("createLogger() writes one JSON object a line, by itself and together", async () => {
  const { log, writes, written } = collect();
  const flushed = written();
  log.info("listening", { address: "[::]:8443", isShared: false });
  log.debug("unseen");
  log.warn("slow", { nested: { list: [1, null] } });
  assert.deepEqual(writes, []);
  await flushed;
  assert.deepEqual(writes.join("").trimEnd().split("\n").map((line) => JSON.parse(line)), [
    {
      time: "2026-01-02T00:00:00.000Z",
      level: "info",
      node: "edge",
      event: "listening",
      address: "[::]:8443",
      isShared: false,
    },
    {
      time: "2026-01-02T00:00:00.000Z",
      level: "warn",
      node: "edge",
      event: "slow",
      nested: { list: [1, null] },
    },
  ]);
  assert.equal(writes.length, 1);
  log.close();
});

Deno.test("createLogger() writes at once when 16 KiB wait, and after close()", () => {
  const { log, writes } = collect();
  for (let i = 0; i < 5; i++) log.info("filling", { filler: "x".repeat(4000) });
  assert.equal(writes.length, 1);
  log.info("last");
  log.close();
  assert.equal(writes.length, 2);
  log.error("late");
  assert.equal(writes.length, 3);
});

Deno.test("createLogger() lets no field forge a line, a control sequence or the head", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), fc.string({ unit: "binary" }), (name, value) => {
      const { log, writes } = collect();
      log.info(value, { [name]: value, level: "error", node: value });
      log.flush();
      log.close();
      const line = writes.join("");
      // deno-lint-ignore no-control-regex
      assert.match(line, /^[^\u0000-\u001f\u007f-\u009f\u2028\u2029]+\n$/);
      const parsed = JSON.parse(line);
      assert.equal(parsed.level, "info");
      assert.equal(parsed.node, "edge");
    }),
    { numRuns: 300 },
  );
});

Deno.test("createLogger() never writes values of fields named like credentials", () => {
  const { log, writes } = collect();
  const secret = "sk-very-secret";
  log.info("request", {
    authorization: secret,
    "Proxy-Authorization": secret,
    cookie: secret,
    fields: { "x-api-key": secret, "set-cookie": [secret], apiKey: secret, "x-token": secret },
    maxTokens: 5,
  });
  log.close();
  assert.equal(writes.join("").includes(secret), false);
  assert.equal(JSON.parse(writes.join("")).maxTokens, 5);
});

Deno.test("createLogger() cuts values that are too long", () => {
  const { log, writes } = collect();
  log.info("long", { path: "p".repeat(1_000_000) });
  log.close();
  assert.equal(JSON.parse(writes.join("")).path, "p".repeat(4096) + "…(1000000)");
});

Deno.test("createLogger() flushes when the process exits", async () => {
  const module = new URL("../../../shared/observe/logger.ts", import.meta.url).href;
  const program = `import { createLogger } from ${JSON.stringify(module)};
    createLogger({ node: "core" }).info("last words"); Deno.exit(3);`;
  const output = await new Deno.Command(Deno.execPath(), { args: ["eval", program], stderr: "piped" })
    .output();
  assert.equal(output.code, 3);
  assert.equal(JSON.parse(new TextDecoder().decode(output.stderr)).event, "last words");
});

Deno.test("describeError() tells the causes", () => {
  const error = new Error("outer", { cause: new TypeError("inner", { cause: "root" }) });
  assert.equal(describeError(error), "Error: outer ← TypeError: inner ← root");
});
