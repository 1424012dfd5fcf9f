import assert from "node:assert/strict";
import { type Fetch, fetchHandler } from "../../../shared/admin/fetch_handler.ts";
import { RelayError } from "../../../shared/errors/relay_error.ts";
import {
  type AnswerHead,
  type AnswerReceiver,
  EXCHANGE_WINDOW_BYTES,
  type RequestHead,
} from "../../../shared/exchange/exchange.ts";
import { Fields } from "../../../shared/exchange/fields.ts";

/** Notes what it receives; `ended` resolves at `end` or `abort`. */
class NotedAnswer implements AnswerReceiver {
  answerHead: AnswerHead | null = null;
  bytes = 0;
  text = "";
  consumed = 0;
  bodyArrived = () => {};
  readonly ended: Promise<RelayError | null>;
  #end: (error: RelayError | null) => void = () => {};

  constructor() {
    this.ended = new Promise((resolve) => this.#end = resolve);
  }

  informational(): void {}
  head(head: AnswerHead): void {
    this.answerHead = head;
  }
  body(bytes: Uint8Array): void {
    this.bytes += bytes.length;
    if (this.bytes < 1000) this.text += new TextDecoder().decode(bytes);
    this.bodyArrived();
  }
  end(): void {
    this.#end(null);
  }
  abort(error: RelayError): void {
    this.#end(error);
  }
  requestConsumed(bytes: number): void {
    this.consumed += bytes;
  }
}

function requestHead(change: Partial<RequestHead> = {}): RequestHead {
  return {
    context: { id: "r1", kind: "client", clientAddress: "192.0.2.1", protocol: "http/1.1" },
    method: "POST",
    scheme: "http",
    authority: "admin.example:9090",
    path: "/echo?x=1",
    fields: new Fields(["content-type", "text/plain", "x-many", "1", "x-many", "2"]),
    contentLength: null,
    ...change,
  };
}

function start(fetch: Fetch, head = requestHead()) {
  const answer = new NotedAnswer();
  return { answer, request: fetchHandler(fetch, { maxRequestBytes: 10 })(head, answer) };
}

Deno.test("fetchHandler() carries head and body both ways", async () => {
  const { answer, request } = start(async (request) =>
    new Response(
      `${request.method} ${request.url} ${request.headers.get("x-many")} ${await request.text()}`,
      {
        status: 201,
        headers: [["x-answer", "yes"], ["connection", "close"], ["set-cookie", "a=1"], ["set-cookie", "b=2"]],
      },
    )
  );
  request.body(new TextEncoder().encode("hello"));
  request.end(null);
  assert.equal(await answer.ended, null);
  assert.equal(answer.text, "POST http://admin.example:9090/echo?x=1 1, 2 hello");
  assert.equal(answer.consumed, 5);
  assert.equal(answer.answerHead?.status, 201);
  const fields = answer.answerHead?.fields;
  assert.deepEqual([fields?.get("x-answer"), fields?.has("connection")], ["yes", false]);
  assert.deepEqual(fields?.getAll("set-cookie"), ["a=1", "b=2"]);
});

Deno.test("fetchHandler() sends no body for HEAD", async () => {
  const { answer, request } = start(
    () => new Response("0123456789", { headers: { "content-length": "10" } }),
    requestHead({ method: "HEAD" }),
  );
  request.end(null);
  assert.equal(await answer.ended, null);
  assert.deepEqual([answer.bytes, answer.answerHead?.contentLength], [0, 10]);
});

Deno.test("fetchHandler() refuses a body above the limit without asking the application", async () => {
  const { answer, request } = start(() => assert.fail("asked"));
  request.body(new Uint8Array(10));
  request.body(new Uint8Array(1));
  request.end(null);
  assert.equal((await answer.ended)?.code, "request_too_large");
});

Deno.test("fetchHandler() makes an internal error of what the application throws", async () => {
  const cause = new Error("broken");
  const { answer, request } = start(() => Promise.reject(cause));
  request.end(null);
  const error = await answer.ended;
  assert.deepEqual([error?.code, error?.source, error?.cause], ["internal_error", "internal", cause]);
});

Deno.test("fetchHandler() stays within one window until bytes are consumed", async () => {
  const total = EXCHANGE_WINDOW_BYTES * 3 + 5;
  const { answer, request } = start(() => new Response(new Uint8Array(total)));
  const filled = new Promise<void>((resolve) => {
    answer.bodyArrived = () => {
      assert.ok(answer.bytes <= EXCHANGE_WINDOW_BYTES);
      if (answer.bytes === EXCHANGE_WINDOW_BYTES) resolve();
    };
  });
  request.end(null);
  await filled;
  let consumed = 0;
  answer.bodyArrived = () => {
    assert.ok(answer.bytes - consumed <= EXCHANGE_WINDOW_BYTES);
    const bytes = answer.bytes - consumed;
    consumed = answer.bytes;
    queueMicrotask(() => request.answerConsumed(bytes));
  };
  consumed = EXCHANGE_WINDOW_BYTES;
  request.answerConsumed(EXCHANGE_WINDOW_BYTES);
  assert.equal(await answer.ended, null);
  assert.equal(answer.bytes, total);
});

Deno.test("fetchHandler() aborts the application's request and stream when the client leaves", async () => {
  let streamCancelled = () => {};
  const cancelled = new Promise<void>((resolve) => streamCancelled = resolve);
  let signal: AbortSignal | undefined;
  const { answer, request } = start((request) => {
    signal = request.signal;
    return new Response(
      new ReadableStream({
        start: (c) => c.enqueue(new Uint8Array(EXCHANGE_WINDOW_BYTES + 1)),
        cancel: streamCancelled,
      }),
    );
  });
  const filled = new Promise<void>((resolve) => {
    answer.bodyArrived = resolve;
  });
  request.end(null);
  await filled;
  request.abort(new RelayError("client_left", { source: "downstream" }));
  await cancelled;
  assert.equal(signal?.aborted, true);
  assert.equal(answer.bytes, EXCHANGE_WINDOW_BYTES);
});
