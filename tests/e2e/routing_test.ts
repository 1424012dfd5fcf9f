/** Requests find their origin by model, and its endpoints in turn. */
import assert from "node:assert/strict";
import { NotFoundError } from "openai";
import { RelayClient } from "./support/clients.ts";
import { FAST_ORIGIN } from "./support/origin_process.ts";
import { type ConfigFile, Relay } from "./support/relay.ts";

const MESSAGES = [{ role: "user" as const, content: "Hello" }];

Deno.test("routes lead to origins by model, in the body wherever it stands, and in a form", async () => {
  const origins = [[...FAST_ORIGIN, "--models=alpha-1,alpha-2"], [...FAST_ORIGIN, "--models=beta"]];
  const core = (config: ConfigFile, [alpha, beta]: readonly { url: string }[]) => {
    config.origins = [
      { name: "alpha", endpoints: [{ url: alpha?.url }] },
      { name: "beta", endpoints: [{ url: beta?.url }] },
    ];
    config.routes = [{ origin: "alpha", models: ["alpha-*"] }, { origin: "beta", models: ["beta"] }];
  };
  await Relay.run({ origins, core }, async (relay) => {
    using client = new RelayClient(relay, "h2");
    const openAi = client.openAi();
    const seen = async () =>
      (await Promise.all(relay.origins.map((origin) => origin.counts()))).map(({ exchanges }) =>
        exchanges.started
      );
    for (const model of ["alpha-1", "alpha-2", "beta"]) {
      const answer = await openAi.chat.completions.create({ model, messages: MESSAGES, max_tokens: 1 });
      assert.equal(answer.model, model);
    }
    assert.deepEqual(await seen(), [2, 1]);

    const late = { messages: [{ role: "user", content: "x".repeat(100_000) }], max_tokens: 1, model: "beta" };
    const answer = await client.fetch("/v1/chat/completions", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(late),
    });
    assert.equal((await answer.json()).model, "beta");
    const form = new FormData();
    form.set("file", new Blob([new Uint8Array(1000)]), "speech.wav");
    form.set("model", "beta");
    const heard = await client.fetch("/v1/audio/transcriptions", { method: "POST", body: form });
    assert.equal((await heard.json()).text, "1000 bytes of audio");
    assert.deepEqual(await seen(), [2, 3]);

    const unknown = openAi.chat.completions.create({ model: "gamma", messages: MESSAGES });
    await assert.rejects(
      unknown,
      (error) => error instanceof NotFoundError && error.code === "model_not_found",
    );
    assert.deepEqual(await seen(), [2, 3]);
  });
});

Deno.test("endpoints take turns, and one that is down is passed over", async () => {
  await Relay.run({ origins: [FAST_ORIGIN, FAST_ORIGIN] }, async (relay) => {
    using client = new RelayClient(relay, "h2");
    const ask = async (times: number) => {
      for (let i = 0; i < times; i++) {
        assert.equal((await (await client.chat({ max_tokens: 1 })).json()).object, "chat.completion");
      }
    };
    await ask(10);
    for (const origin of relay.origins) assert.equal((await origin.counts()).started, 5);
    const [first, second] = relay.origins;
    assert.ok(first !== undefined && second !== undefined);
    await first.stop();
    await ask(10);
    assert.equal((await second.counts()).started, 15);

    await second.stop();
    const answer = await client.chat({ max_tokens: 1 });
    assert.equal(answer.status, 502);
    assert.equal((await answer.json()).error.code, "origin_unreachable");
  });
});
