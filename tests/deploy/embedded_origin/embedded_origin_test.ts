import assert from "node:assert/strict";
import {
  createEmbeddedOrigin,
  type EmbeddedOrigin,
  type EmbeddedOriginOptions,
} from "../../../deploy/embedded_origin/embedded_origin.ts";
import { RelayError } from "../../../shared/errors/relay_error.ts";
import {
  type AnswerHead,
  type AnswerReceiver,
  EXCHANGE_WINDOW_BYTES,
  type RequestReceiver,
} from "../../../shared/exchange/exchange.ts";
import { Fields } from "../../../shared/exchange/fields.ts";
import { SteppedClock } from "./stepped_clock.ts";

/** Keeps an answer and consumes nothing by itself. */
class KeptAnswer implements AnswerReceiver {
  heads: AnswerHead[] = [];
  text = "";
  bytes = 0;
  isEnded = false;
  isAborted = false;
  consumedBytes = 0;
  readonly #decoder = new TextDecoder();

  informational(head: AnswerHead): void {
    this.heads.push(head);
  }
  head(head: AnswerHead): void {
    this.heads.push(head);
  }
  body(bytes: Uint8Array): void {
    this.bytes += bytes.length;
    this.text += this.#decoder.decode(bytes, { stream: true });
  }
  end(): void {
    this.isEnded = true;
  }
  abort(): void {
    this.isAborted = true;
  }
  requestConsumed(bytes: number): void {
    this.consumedBytes += bytes;
  }
}

function create(
  engine: EmbeddedOriginOptions["engine"] = {},
): { origin: EmbeddedOrigin; clock: SteppedClock } {
  const clock = new SteppedClock();
  const origin = createEmbeddedOrigin({ engine: { prefillTokensPerSecond: Infinity, ...engine } }, {
    clock,
    clockOriginMs: 1_700_000_000_000,
    cutConnection() {},
  });
  return { origin, clock };
}

function post(
  origin: EmbeddedOrigin,
  path: string,
  body: unknown,
  fields: string[] = [],
): { answer: KeptAnswer; request: RequestReceiver } {
  const answer = new KeptAnswer();
  const bytes = new TextEncoder().encode(JSON.stringify(body));
  const request = origin.handler({
    context: { id: "1-1", kind: "client", clientAddress: "127.0.0.1", protocol: "http/1.1" },
    method: "POST",
    scheme: "http",
    authority: "origin",
    path,
    fields: new Fields(fields),
    contentLength: bytes.length,
  }, answer);
  request.body(bytes);
  request.end(null);
  return { answer, request };
}

const ENDLESS = {
  model: "lowu-demo",
  messages: [{ role: "user", content: "go on" }],
  stream: true,
  max_tokens: 100_000,
  ignore_eos: true,
};
const LEFT = new RelayError("client_left", { source: "downstream" });

Deno.test("createEmbeddedOrigin() stops a stream at its window and goes on once it is consumed", () => {
  const { origin, clock } = create();
  const { answer, request } = post(origin, "/v1/chat/completions", ENDLESS);
  clock.runUntil(600_000);
  const held = answer.bytes;
  assert.ok(held >= EXCHANGE_WINDOW_BYTES * 0.8 && held <= EXCHANGE_WINDOW_BYTES, `${held} bytes`);
  request.answerConsumed(Math.floor(held / 2));
  clock.runUntil(1_200_000);
  assert.equal(answer.bytes, held, "half of it is not enough");
  request.answerConsumed(held - Math.floor(held / 2));
  clock.runUntil(1_800_000);
  assert.ok(answer.bytes > held * 1.5);
  const numbers = answer.text.split("\n\n").filter((event) => event.includes('"content":"')).length;
  assert.equal(numbers, origin.services.driver.engine.statistics.generationTokens + 1);
  request.abort(LEFT);
  assert.equal(origin.services.driver.engine.running, 0);
  assert.equal(clock.timers, 0);
});

Deno.test("createEmbeddedOrigin() sends a large whole answer in windows", () => {
  const { origin } = create();
  const input = Array.from({ length: 100 }, (_, i) => `text ${i}`);
  const { answer, request } = post(origin, "/v1/embeddings", { model: "lowu-demo", input, dimensions: 1000 });
  let consumed = 0;
  while (!answer.isEnded) {
    const pending = answer.bytes - consumed;
    assert.ok(pending > 0 && pending <= EXCHANGE_WINDOW_BYTES);
    consumed += pending;
    request.answerConsumed(pending);
  }
  assert.equal(answer.bytes, answer.heads[0]?.contentLength);
  assert.equal(JSON.parse(answer.text).data.length, 100);
});

Deno.test("createEmbeddedOrigin() frees a waiting, a running and a finished request when its client leaves", () => {
  const { origin, clock } = create({ maxBatch: 1 });
  const { engine } = origin.services.driver;
  const running = post(origin, "/v1/chat/completions", ENDLESS, ["x-lowu-test-id", "running"]);
  const waiting = post(origin, "/v1/chat/completions", ENDLESS, ["x-request-id", "waiting"]);
  clock.runUntil(1000);
  assert.deepEqual([engine.running, engine.waiting], [1, 1]);
  waiting.request.abort(LEFT);
  assert.deepEqual([engine.running, engine.waiting], [1, 0]);
  running.request.abort(LEFT);
  assert.deepEqual([engine.running, engine.waiting, engine.kvTokensUsed], [0, 0, 0]);
  const told = running.answer.bytes;
  running.request.abort(LEFT);
  clock.runUntil(2000);
  assert.equal(running.answer.bytes, told);
  assert.equal(engine.statistics.aborted, 2);
  for (const id of ["running", "waiting"]) {
    assert.equal(origin.services.requests.get(id)?.state, "aborted");
    assert.equal(origin.services.requests.get(id)?.endedAt, 1_700_000_001_000);
    assert.equal(origin.services.requests.get(id)?.abortCode, "client_left");
  }
});

Deno.test("createEmbeddedOrigin() refuses when the queue is full, with a time to wait", () => {
  const { origin } = create({ maxBatch: 1, maxWaiting: 0 });
  post(origin, "/v1/chat/completions", ENDLESS);
  const { answer } = post(origin, "/v1/chat/completions", ENDLESS);
  assert.equal(answer.heads[0]?.status, 503);
  assert.equal(answer.heads[0]?.fields.get("retry-after"), "1");
  assert.equal(JSON.parse(answer.text).error.code, "engine_overloaded");
});

Deno.test("createEmbeddedOrigin() says the same for the same seed and prompt", () => {
  const { model, messages } = ENDLESS;
  const texts = [1, 1, 2].map((seed) => {
    const clock = new SteppedClock();
    const origin = createEmbeddedOrigin({ seed }, { clock, clockOriginMs: 0, cutConnection() {} });
    const { answer } = post(origin, "/v1/chat/completions", { model, messages });
    clock.runUntil(60_000);
    return answer.text;
  });
  assert.equal(texts[0], texts[1]);
  assert.notEqual(texts[0], texts[2]);
});

Deno.test("createEmbeddedOrigin() refuses a body above its bound before it ends and drops the rest", () => {
  const { origin } = create();
  const answer = new KeptAnswer();
  const request = origin.handler({
    context: { id: "1-1", kind: "client", clientAddress: "127.0.0.1", protocol: "http/1.1" },
    method: "POST",
    scheme: "http",
    authority: "origin",
    path: "/v1/embeddings",
    fields: new Fields(),
    contentLength: null,
  }, answer);
  const piece = new Uint8Array(1024 * 1024);
  for (let i = 0; i < 20; i++) request.body(piece);
  assert.equal(answer.heads[0]?.status, 413);
  assert.equal(answer.consumedBytes, 20 * piece.length);
  request.end(null);
  assert.ok(answer.isEnded);
  assert.equal(answer.heads.length, 1);
});
