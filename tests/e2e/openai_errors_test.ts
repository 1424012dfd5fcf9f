/** What OpenAI's own client sees when something goes wrong, and what the origin sees when the client leaves. */
import assert from "node:assert/strict";
import type OpenAI from "openai";
import {
  APIConnectionTimeoutError,
  APIError,
  APIUserAbortError,
  AuthenticationError,
  InternalServerError,
  NotFoundError,
  RateLimitError,
} from "openai";
import { type Protocol, PROTOCOLS, RelayClient } from "./support/clients.ts";
import { Relay } from "./support/relay.ts";
import { epochMs, until } from "./support/until.ts";

const MODEL = "lowu-demo";
const MESSAGES = [{ role: "user" as const, content: "Which way to the border?" }];
/** More than any test waits for. */
const ENDLESS = { max_tokens: 100_000, ignore_eos: true };

interface Case {
  readonly relay: Relay;
  readonly client: RelayClient;
  readonly protocol: Protocol;
  /** For `x-lowu-test-id`. */
  readonly id: string;
}

async function askEndlessly(client: OpenAI, headers: Record<string, string>) {
  return await client.chat.completions.create(
    { model: MODEL, messages: MESSAGES, stream: true, ...ENDLESS },
    {
      headers,
    },
  );
}

/** The origin was told, before any time-out could have fired, and its engine is free. Prints how long it took. */
async function assertOriginSawAbort({ relay, id }: Case, abortedAt: number): Promise<void> {
  const record = await relay.origin.seen(id, "ended");
  assert.equal(record.state, "aborted");
  assert.equal(record.abortCode, "client_left");
  assert.equal((await relay.origin.counts()).running, 0);
  console.log(`origin saw the abort after ${((record.endedAt ?? NaN) - abortedAt).toFixed(1)} ms`);
}

const CASES: Readonly<Record<string, (one: Case) => Promise<void>>> = {
  "an abort in the middle of a stream reaches the origin": async (one) => {
    const stream = await askEndlessly(one.client.openAi(), { "x-lowu-test-id": one.id });
    let chunks = 0;
    let abortedAt = NaN;
    for await (const _chunk of stream) {
      if (++chunks !== 5) continue;
      abortedAt = epochMs();
      stream.controller.abort();
    }
    assert.ok(chunks >= 5);
    await assertOriginSawAbort(one, abortedAt);
  },
  "an abort before the first token reaches the origin": async (one) => {
    const leaving = new AbortController();
    const asked = one.client.openAi().chat.completions.create(
      { model: MODEL, messages: MESSAGES, ...ENDLESS },
      { headers: { "x-lowu-test-id": one.id }, signal: leaving.signal },
    );
    const failed = assert.rejects(asked, APIUserAbortError);
    await one.relay.origin.seen(one.id, "started");
    await until(
      "the engine works on it",
      async () => (await one.relay.origin.counts()).running === 1 ? true : null,
    );
    const abortedAt = epochMs();
    leaving.abort();
    await failed;
    await assertOriginSawAbort(one, abortedAt);
  },
  "an abort before the head of a stream reaches the origin": async (one) => {
    const leaving = new AbortController();
    const asked = one.client.openAi().chat.completions.create(
      { model: MODEL, messages: MESSAGES, stream: true },
      { headers: { "x-lowu-test-id": one.id, "x-lowu-fault": "stall-before-head" }, signal: leaving.signal },
    );
    const failed = assert.rejects(asked, APIUserAbortError);
    await one.relay.origin.seen(one.id, "started");
    const abortedAt = epochMs();
    leaving.abort();
    await failed;
    await assertOriginSawAbort(one, abortedAt);
  },
  "a client's time-out reaches the origin": async (one) => {
    const asked = one.client.openAi({ timeout: 300 }).chat.completions.create(
      { model: MODEL, messages: MESSAGES },
      { headers: { "x-lowu-test-id": one.id, "x-lowu-fault": "stall-before-head" } },
    );
    await assert.rejects(asked, APIConnectionTimeoutError);
    assert.equal((await one.relay.origin.seen(one.id, "ended")).abortCode, "client_left");
  },
  "an unknown key and none at all are told apart": async ({ client }) => {
    await assert.rejects(client.openAi({ apiKey: "sk-lowu-wrong" }).models.list(), (error) => {
      assert.ok(error instanceof AuthenticationError);
      assert.deepEqual([error.code, error.type], ["invalid_api_key", "authentication_error"]);
      assert.ok((error.requestID?.length ?? 0) > 8);
      return true;
    });
    const answer = await client.fetch("/v1/models", { headers: { authorization: "" } });
    assert.equal(answer.status, 401);
    assert.equal(answer.headers.get("www-authenticate"), "Bearer");
    assert.equal((await answer.json()).error.code, "missing_api_key");
  },
  "an origin's 404 for a model arrives as it is": async ({ client }) => {
    const asked = client.openAi().chat.completions.create({ model: "gpt-0", messages: MESSAGES });
    await assert.rejects(asked, (error) => {
      assert.ok(error instanceof NotFoundError);
      assert.deepEqual([error.code, error.param], ["model_not_found", "model"]);
      return true;
    });
  },
  "an origin's 429 arrives with its Retry-After, and the SDK's retry succeeds": async ({ client, relay }) => {
    const headers = { "x-lowu-fault": "429;retry-after=7" };
    const asked = client.openAi().chat.completions.create({ model: MODEL, messages: MESSAGES }, { headers });
    await assert.rejects(asked, (error) => {
      assert.ok(error instanceof RateLimitError);
      assert.deepEqual([error.code, error.headers.get("retry-after")], ["fault", "7"]);
      return true;
    });
    await setFault(relay, { fault: "429;retry-after=0", count: 1 });
    const retried = await client.openAi({ maxRetries: 1 }).chat.completions.create({
      model: MODEL,
      messages: MESSAGES,
    });
    assert.equal(retried.choices[0]?.finish_reason, "stop");
  },
  "an origin's 500 and 503 arrive, and the SDK's retry succeeds": async ({ client, relay }) => {
    for (const status of [500, 503]) {
      const headers = { "x-lowu-fault": `${status}` };
      const asked = client.openAi().chat.completions.create({ model: MODEL, messages: MESSAGES }, {
        headers,
      });
      await assert.rejects(asked, (error) => error instanceof InternalServerError && error.status === status);
    }
    await setFault(relay, { fault: "503", count: 1 });
    const retried = await client.openAi({ maxRetries: 1 }).models.list();
    assert.equal(retried.data[0]?.id, MODEL);
  },
  "an origin that hangs up before its head becomes a 502 with a code": async ({ client }) => {
    const asked = client.openAi().chat.completions.create({ model: MODEL, messages: MESSAGES }, {
      headers: { "x-lowu-fault": "refuse" },
    });
    await assert.rejects(asked, (error) => {
      assert.ok(error instanceof InternalServerError);
      assert.deepEqual([error.status, error.code], [502, "origin_cut"]);
      return true;
    });
  },
  "a stream that the origin cuts throws, with the code of the error event": async ({ client }) => {
    const stream = await askEndlessly(client.openAi(), { "x-lowu-fault": "cut;after=5" });
    let chunks = 0;
    const read = async () => {
      for await (const _chunk of stream) chunks++;
    };
    await assert.rejects(read(), (error) => {
      assert.ok(error instanceof APIError);
      assert.equal(error.code, "origin_cut");
      return true;
    });
    assert.ok(chunks > 0, "what came before the cut is delivered");
  },
  "a stream that the origin cuts ends with the error event and a broken transfer": async ({ client }) => {
    const answer = await client.chat({ stream: true, ...ENDLESS }, {
      headers: { "x-lowu-fault": "cut;after=5" },
    });
    const { text, error } = await readToItsEnd(answer);
    assert.ok(error instanceof TypeError, "the transfer did not end cleanly");
    const [last = ""] = text.trimEnd().split("\n\n").slice(-1);
    const [, body = ""] = /^event: error\ndata: (.*)$/.exec(last) ?? [];
    assert.equal(JSON.parse(body).error.code, "origin_cut");
    assert.equal(JSON.parse(body).request_id, answer.headers.get("x-request-id"));
    assert.ok(!text.includes("[DONE]"));
  },
  "an answer that is no event stream and is cut breaks as well": async ({ client }) => {
    const answer = await client.chat({}, { headers: { "x-lowu-fault": "cut;bytes=40" } });
    assert.equal(answer.headers.get("content-type"), "application/json");
    assert.ok((await readToItsEnd(answer)).error instanceof TypeError);
  },
};

async function setFault(relay: Relay, body: { fault: string | null; count?: number }): Promise<void> {
  const answer = await fetch(`${relay.origin.url}/debug/faults`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  await answer.body?.cancel();
  assert.equal(answer.status, 200);
}

async function readToItsEnd(answer: Response): Promise<{ text: string; error: unknown }> {
  let text = "";
  try {
    for await (const piece of answer.body?.pipeThrough(new TextDecoderStream()) ?? []) text += piece;
  } catch (error) {
    return { text, error };
  }
  return { text, error: null };
}

for (const transport of ["quic", "tls"] as const) {
  Deno.test(`OpenAI SDK sees errors, and the origin aborts, through a relay over ${transport}`, async (context) => {
    await Relay.run({ transport }, async (relay) => {
      for (const protocol of PROTOCOLS) {
        using client = new RelayClient(relay, protocol);
        for (const [index, [name, test]] of Object.entries(CASES).entries()) {
          const id = `${protocol}-${index}`;
          await context.step(`${name}, ${protocol}`, () => test({ relay, client, protocol, id }));
        }
      }
    });
  });
}
