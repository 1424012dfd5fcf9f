/** Keys and prompts appear in no log, no metric and no error, however they were sent. */
import assert from "node:assert/strict";
import { RelayClient } from "./support/clients.ts";
import { type ConfigFile, Relay } from "./support/relay.ts";
import { until } from "./support/until.ts";

const PROMPT = "the-prompt-that-nobody-may-read";
const WRONG_KEY = "sk-lowu-a-wrong-key-that-is-still-a-secret";

Deno.test("API keys and prompts appear in no log and no metric", async () => {
  const log = (config: ConfigFile) => {
    config.log = { level: "debug", access: true };
  };
  const core = (config: ConfigFile) => {
    log(config);
    config.auth.query_parameter = "api_key";
  };
  await Relay.run({ edge: log, core }, async (relay) => {
    const told: string[] = [];
    using h2 = new RelayClient(relay, "h2");
    using http1 = new RelayClient(relay, "http/1.1");
    for (const client of [h2, http1]) {
      const ask = async (path: string, init: RequestInit) => {
        const answer = await client.fetch(path, init);
        told.push(JSON.stringify([...answer.headers]), await answer.text().catch(String));
        return answer.status;
      };
      for (const key of [relay.key, WRONG_KEY]) {
        const status = key === relay.key ? 200 : 401;
        assert.equal(await ask("/v1/models", { headers: { authorization: `Bearer ${key}` } }), status);
        assert.equal(await ask("/v1/models", { headers: { authorization: "", "x-api-key": key } }), status);
        assert.equal(await ask(`/v1/models?api_key=${key}&a=b`, { headers: { authorization: "" } }), status);
        assert.equal(await ask(`/v1/models`, { headers: { authorization: `Basic ${key}` } }), 401);
        await ask("/v1/x", { headers: { authorization: `Bearer ${key}`, "x-large": "x".repeat(100_000) } })
          .catch(String);
      }
      for (const fault of ["500", "refuse", "cut;after=2", "echo-headers"]) {
        const headers = { "x-lowu-fault": fault };
        const messages = [{ role: "user", content: PROMPT }];
        const answer = await client.chat({ messages, stream: true }, { headers });
        const text = await answer.text().catch(String);
        assert.ok(!text.includes(relay.key), `${fault}: the key comes back`);
      }
    }
    for (const node of ["edge", "core"] as const) {
      const metrics = await (await relay.admin(node, "/metrics"))?.text() ?? "";
      assert.ok(metrics.includes("lowu_requests_total"));
      told.push(metrics);
      relay.node(node).stop("SIGTERM");
      await relay.node(node).exited;
      const text = await relay.log(node);
      assert.ok(text.includes('"event":"exchange"'), `${node} logged what was asked`);
      told.push(text);
    }
    await until("the origin is idle", async () => (await relay.origin.counts()).running === 0 ? true : null);
    for (const secret of [relay.key, WRONG_KEY, PROMPT]) {
      for (const text of told) {
        const at = text.indexOf(secret);
        assert.equal(at, -1, text.slice(Math.max(0, at - 200), at + 20));
      }
    }
  });
});
