import assert from "node:assert/strict";
import OpenAI, { APIUserAbortError, NotFoundError, toFile } from "openai";
import {
  type ServedEmbeddedOrigin,
  serveEmbeddedOrigin,
} from "../../../deploy/embedded_origin/serve_embedded_origin.ts";

const MODEL = "lowu-demo";
const MESSAGES = [{ role: "user" as const, content: "Which way to the border?" }];
const FAST = { prefillTokensPerSecond: Infinity, decodeTokensPerSecond: 2000, stepSlopeMs: 0 };

/** Runs `test` with OpenAI's own client against an origin on a real socket. */
function withClient(
  name: string,
  test: (client: OpenAI, origin: ServedEmbeddedOrigin) => Promise<void>,
): void {
  Deno.test(name, async () => {
    const origin = serveEmbeddedOrigin({ models: [MODEL, "second"], engine: FAST });
    try {
      await test(new OpenAI({ baseURL: `${origin.url}/v1`, apiKey: "sk-test", maxRetries: 0 }), origin);
    } finally {
      await origin.close();
    }
  });
}

withClient("OpenAI SDK streams the text that it also gets as a whole", async (client) => {
  const whole = await client.chat.completions.create({ model: MODEL, messages: MESSAGES });
  assert.equal(whole.choices[0]?.finish_reason, "stop");
  const stream = await client.chat.completions.create({
    model: MODEL,
    messages: MESSAGES,
    stream: true,
    stream_options: { include_usage: true },
  });
  let text = "";
  let usage: OpenAI.CompletionUsage | null = null;
  const finishReasons: unknown[] = [];
  for await (const chunk of stream) {
    text += chunk.choices[0]?.delta.content ?? "";
    usage = chunk.usage ?? usage;
    if (chunk.choices[0]?.finish_reason) finishReasons.push(chunk.choices[0].finish_reason);
  }
  assert.equal(text, whole.choices[0]?.message.content);
  assert.deepEqual(finishReasons, ["stop"]);
  assert.deepEqual(usage, whole.usage);
});

withClient("OpenAI SDK gets as many tokens as it allows", async (client) => {
  const answer = await client.chat.completions.create({
    model: MODEL,
    messages: MESSAGES,
    max_completion_tokens: 5,
  });
  assert.equal(answer.choices[0]?.finish_reason, "length");
  assert.equal(answer.usage?.completion_tokens, 5);
  const word = answer.choices[0].message.content?.split(" ")[2] ?? "";
  const cut = await client.chat.completions.create({ model: MODEL, messages: MESSAGES, stop: word });
  assert.equal(cut.choices[0]?.finish_reason, "stop");
  assert.ok(!cut.choices[0].message.content?.includes(word));
});

withClient("OpenAI SDK runs a tool and then gets text", async (client) => {
  const cities: string[] = [];
  const runner = client.chat.completions.runTools({
    model: MODEL,
    messages: MESSAGES,
    stream: true,
    tools: [{
      type: "function",
      function: {
        name: "weather",
        description: "Tells the weather",
        parameters: {
          type: "object",
          properties: {
            city: { type: "string", enum: ["Hong Kong", "Shenzhen"] },
            days: { type: "integer" },
          },
        },
        parse: JSON.parse,
        function: ({ city }: { city: string }) => {
          cities.push(city);
          return "fine";
        },
      },
    }],
  });
  const text = await runner.finalContent();
  assert.equal(cities.length, 1);
  assert.ok(["Hong Kong", "Shenzhen"].includes(cities[0] ?? ""));
  assert.ok((text?.length ?? 0) > 0);
});

withClient("OpenAI SDK gets a tool call as a whole, and none when it forbids one", async (client) => {
  const tools = [{
    type: "function" as const,
    function: { name: "look_up", parameters: { type: "object" } },
  }];
  const called = await client.chat.completions.create({ model: MODEL, messages: MESSAGES, tools });
  assert.equal(called.choices[0]?.finish_reason, "tool_calls");
  assert.equal(called.choices[0].message.content, null);
  const call = called.choices[0].message.tool_calls?.[0];
  assert.ok(call?.type === "function");
  assert.equal(call.function.name, "look_up");
  assert.deepEqual(JSON.parse(call.function.arguments), {});
  const text = await client.chat.completions.create({
    model: MODEL,
    messages: MESSAGES,
    tools,
    tool_choice: "none",
  });
  assert.equal(text.choices[0]?.finish_reason, "stop");
});

withClient("OpenAI SDK gets structured output of the schema's shape", async (client) => {
  const schema = { type: "object", properties: { n: { type: "integer" }, ok: { type: "boolean" } } };
  const answer = await client.chat.completions.parse({
    model: MODEL,
    messages: MESSAGES,
    response_format: { type: "json_schema", json_schema: { name: "shape", schema } },
  });
  const value = JSON.parse(answer.choices[0]?.message.content ?? "");
  assert.deepEqual([typeof value.n, typeof value.ok], ["number", "boolean"]);
});

withClient("OpenAI SDK gets text completions", async (client) => {
  const whole = await client.completions.create({ model: "second", prompt: "Once", max_tokens: 8 });
  assert.equal(whole.model, "second");
  let text = "";
  for await (
    const chunk of await client.completions.create({
      model: "second",
      prompt: "Once",
      max_tokens: 8,
      stream: true,
    })
  ) text += chunk.choices[0]?.text ?? "";
  assert.equal(text, whole.choices[0]?.text);
});

withClient("OpenAI SDK gets responses, whole and as events", async (client) => {
  const whole = await client.responses.create({ model: MODEL, input: "Hello", instructions: "Be short" });
  assert.equal(whole.status, "completed");
  const types: string[] = [];
  const stream = client.responses.stream({ model: MODEL, input: "Hello", instructions: "Be short" });
  let expectedNumber = 0;
  for await (const event of stream) {
    assert.equal(event.sequence_number, expectedNumber++);
    if (types.at(-1) !== event.type) types.push(event.type);
  }
  const final = await stream.finalResponse();
  assert.equal(final.output_text, whole.output_text);
  assert.deepEqual(final.usage, whole.usage);
  assert.deepEqual(types, [
    "response.created",
    "response.in_progress",
    "response.output_item.added",
    "response.content_part.added",
    "response.output_text.delta",
    "response.output_text.done",
    "response.content_part.done",
    "response.output_item.done",
    "response.completed",
  ]);
});

withClient("OpenAI SDK gets the same unit vectors as base64 and as numbers", async (client) => {
  const input = ["north", "south"];
  const packed = await client.embeddings.create({ model: MODEL, input, dimensions: 16 });
  const plain = await client.embeddings.create({
    model: MODEL,
    input,
    dimensions: 16,
    encoding_format: "float",
  });
  assert.deepEqual(packed.data, plain.data);
  const [north, south] = plain.data.map((one) => one.embedding);
  assert.equal(north?.length, 16);
  const squares = north?.reduce((sum, component) => sum + component * component, 0) ?? 0;
  assert.ok(Math.abs(squares - 1) < 1e-5);
  assert.notDeepEqual(north, south);
});

withClient("OpenAI SDK keeps files", async (client) => {
  const content = new Uint8Array(700_000).map((_, i) => i * 7);
  const file = await client.files.create({ file: await toFile(content, "batch.jsonl"), purpose: "batch" });
  assert.equal(file.bytes, content.length);
  assert.equal(file.filename, "batch.jsonl");
  assert.deepEqual((await client.files.list()).data, [file]);
  assert.deepEqual(await client.files.retrieve(file.id), file);
  const back = new Uint8Array(await (await client.files.content(file.id)).arrayBuffer());
  assert.deepEqual(back, content);
  assert.equal((await client.files.delete(file.id)).deleted, true);
  await assert.rejects(client.files.retrieve(file.id), NotFoundError);
});

withClient("OpenAI SDK gets transcriptions and images", async (client) => {
  const audio = await toFile(new Uint8Array(300_000), "speech.wav");
  const heard = await client.audio.transcriptions.create({ model: MODEL, file: audio });
  assert.equal(heard.text, "300000 bytes of audio");
  const images = await client.images.generate({ prompt: "a bridge", n: 2 });
  const png = Uint8Array.from(atob(images.data?.[0]?.b64_json ?? ""), (c) => c.charCodeAt(0));
  assert.deepEqual(Array.from(png.subarray(1, 4)), [0x50, 0x4e, 0x47]);
  assert.equal(images.data?.length, 2);
});

withClient("OpenAI SDK lists models and learns of unknown ones", async (client) => {
  assert.deepEqual((await client.models.list()).data.map((model) => model.id), [MODEL, "second"]);
  assert.equal((await client.models.retrieve("second")).object, "model");
  const asked = client.chat.completions.create({ model: "gpt-0", messages: MESSAGES });
  await assert.rejects(asked, (error) => error instanceof NotFoundError && error.code === "model_not_found");
});

withClient("OpenAI SDK that aborts a stream frees the engine", async (client, origin) => {
  const endless = { max_tokens: 100_000, ignore_eos: true };
  const stream = await client.chat.completions.create({
    model: MODEL,
    messages: MESSAGES,
    stream: true,
    ...endless,
  }, { headers: { "x-lowu-test-id": "aborting" } });
  let chunks = 0;
  for await (const _chunk of stream) if (++chunks === 3) stream.controller.abort();
  const record = await (await fetch(`${origin.url}/debug/requests/aborting?until=ended`)).json();
  assert.equal(record.state, "aborted");
  assert.equal(origin.services.driver.engine.running, 0);
  assert.equal(origin.services.driver.engine.statistics.aborted, 1);
});

withClient("OpenAI SDK that aborts before the first token frees the engine", async (client, origin) => {
  const leaving = new AbortController();
  const asked = client.chat.completions.create({
    model: MODEL,
    messages: MESSAGES,
    max_tokens: 100_000,
    ...{ ignore_eos: true },
  }, { headers: { "x-lowu-test-id": "early" }, signal: leaving.signal });
  const failed = assert.rejects(asked, APIUserAbortError);
  await (await fetch(`${origin.url}/debug/requests/early?until=started`)).json();
  leaving.abort();
  await failed;
  const record = await (await fetch(`${origin.url}/debug/requests/early?until=ended`)).json();
  assert.equal(record.abortCode, "client_left");
  assert.equal(origin.services.driver.engine.running, 0);
});
