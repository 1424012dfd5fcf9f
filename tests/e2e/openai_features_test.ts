/** OpenAI's own client through edge, tunnel and core: every kind of endpoint that it knows. */
import assert from "node:assert/strict";
import type OpenAI from "openai";
import { toFile } from "openai";
import { PROTOCOLS, RelayClient } from "./support/clients.ts";
import { Relay } from "./support/relay.ts";

const MODEL = "lowu-demo";
const MESSAGES = [{ role: "user" as const, content: "Which way to the border?" }];

type Feature = (client: OpenAI) => Promise<void>;

const FEATURES: Readonly<Record<string, Feature>> = {
  "streams the text that it also gets as a whole, with usage": async (client) => {
    const whole = await client.chat.completions.create({ model: MODEL, messages: MESSAGES });
    const stream = await client.chat.completions.create({
      model: MODEL,
      messages: MESSAGES,
      stream: true,
      stream_options: { include_usage: true },
    });
    let text = "";
    let usage: OpenAI.CompletionUsage | null = null;
    const finishReasons: string[] = [];
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta.content ?? "";
      usage = chunk.usage ?? usage;
      if (chunk.choices[0]?.finish_reason) finishReasons.push(chunk.choices[0].finish_reason);
    }
    assert.equal(text, whole.choices[0]?.message.content);
    assert.deepEqual(finishReasons, ["stop"]);
    assert.ok((whole.usage?.completion_tokens ?? 0) > 0);
    assert.deepEqual(usage, whole.usage);
  },
  "runs a tool and then gets text": async (client) => {
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
          parameters: { type: "object", properties: { city: { type: "string", enum: ["Hong Kong"] } } },
          parse: JSON.parse,
          function: ({ city }: { city: string }) => {
            cities.push(city);
            return "fine";
          },
        },
      }],
    });
    assert.ok(((await runner.finalContent())?.length ?? 0) > 0);
    assert.deepEqual(cities, ["Hong Kong"]);
  },
  "gets a tool call as a whole": async (client) => {
    const answer = await client.chat.completions.create({
      model: MODEL,
      messages: MESSAGES,
      tools: [{ type: "function", function: { name: "look_up", parameters: { type: "object" } } }],
    });
    assert.equal(answer.choices[0]?.finish_reason, "tool_calls");
    const call = answer.choices[0].message.tool_calls?.[0];
    assert.ok(call?.type === "function");
    assert.equal(call.function.name, "look_up");
  },
  "streams text completions": async (client) => {
    const stream = await client.completions.create({
      model: MODEL,
      prompt: "Once",
      max_tokens: 5,
      stream: true,
    });
    let pieces = 0;
    for await (const chunk of stream) if (chunk.choices[0]?.text) pieces++;
    assert.equal(pieces, 5);
  },
  "streams a response and gets the same as a whole": async (client) => {
    const whole = await client.responses.create({ model: MODEL, input: "Which way?" });
    assert.equal(whole.status, "completed");
    let text = "";
    const kinds = new Set<string>();
    for await (
      const event of await client.responses.create({ model: MODEL, input: "Which way?", stream: true })
    ) {
      kinds.add(event.type);
      if (event.type === "response.output_text.delta") text += event.delta;
    }
    assert.equal(text, whole.output_text);
    assert.ok(kinds.has("response.created") && kinds.has("response.completed"));
  },
  "gets embeddings as numbers and as base64, which are the same": async (client) => {
    const input = ["north", "south"];
    const floats = await client.embeddings.create({ model: MODEL, input, encoding_format: "float" });
    const packed = await client.embeddings.create({ model: MODEL, input });
    assert.equal(floats.data.length, 2);
    for (const [index, { embedding }] of packed.data.entries()) {
      assert.deepEqual(embedding.map(Math.fround), floats.data[index]?.embedding.map(Math.fround));
    }
    assert.ok(packed.usage.total_tokens > 0);
  },
  "keeps files": async (client) => {
    const content = new Uint8Array(1_500_000).map((_, i) => i * 7 + (i >> 8));
    const file = await client.files.create({ file: await toFile(content, "batch.jsonl"), purpose: "batch" });
    assert.equal(file.bytes, content.length);
    assert.deepEqual((await client.files.list()).data, [file]);
    assert.deepEqual(await client.files.retrieve(file.id), file);
    const back = new Uint8Array(await (await client.files.content(file.id)).arrayBuffer());
    assert.deepEqual(back, content);
    assert.equal((await client.files.delete(file.id)).deleted, true);
    assert.deepEqual((await client.files.list()).data, []);
  },
  "uploads audio for transcription and gets pictures": async (client) => {
    const audio = await toFile(new Uint8Array(300_000), "speech.wav");
    const heard = await client.audio.transcriptions.create({ model: MODEL, file: audio });
    assert.equal(heard.text, "300000 bytes of audio");
    const images = await client.images.generate({ prompt: "a bridge", n: 2 });
    assert.equal(images.data?.length, 2);
    assert.ok(images.data[0]?.b64_json?.startsWith("iVBOR"), "a PNG file");
  },
  "lists models": async (client) => {
    assert.deepEqual((await client.models.list()).data.map((model) => model.id), [MODEL]);
    assert.equal((await client.models.retrieve(MODEL)).object, "model");
  },
  "gets a request id with every answer": async (client) => {
    const answer = await client.chat.completions.create({ model: MODEL, messages: MESSAGES, max_tokens: 1 });
    assert.ok((answer._request_id?.length ?? 0) > 8);
  },
};

for (const transport of ["quic", "tls"] as const) {
  Deno.test(`OpenAI SDK has all its features through a relay over ${transport}`, async (context) => {
    await Relay.run({ transport }, async (relay) => {
      for (const protocol of PROTOCOLS) {
        using client = new RelayClient(relay, protocol);
        for (const [name, feature] of Object.entries(FEATURES)) {
          await context.step(`${name}, ${protocol}`, () => feature(client.openAi()));
        }
      }
    });
  });
}
