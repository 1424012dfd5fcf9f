import assert from "node:assert/strict";
import fc from "fast-check";
import { slabsInUse } from "../../../shared/buffers/slab_pool.ts";
import { RelayError } from "../../../shared/errors/relay_error.ts";
import { Fields } from "../../../shared/exchange/fields.ts";
import { DEFAULT_HTTP1_LIMITS } from "../../../shared/http1/http1_limits.ts";
import { bytesOf } from "../../support/recorded_exchange.ts";
import type { LiveRequest } from "../../support/live_exchange.ts";
import { echo, Http1Fixture } from "./http1_fixture.ts";

const GET = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";

function stream(contentLength: number | null = null) {
  return { status: 200, fields: new Fields(["content-type", "text/event-stream"]), contentLength };
}

Deno.test("serveHttp1() tells the handler at once when the client leaves", async () => {
  const stages: ((request: LiveRequest) => void)[] = [
    () => {},
    ({ answer }) => answer.informational({ status: 103, fields: new Fields(), contentLength: null }),
    ({ answer }) => answer.head(stream()),
    ({ answer }) => {
      answer.head(stream());
      answer.body(bytesOf("data: 1\n\n"));
    },
  ];
  for (const reach of stages) {
    for (const leave of ["close", "half-close"]) {
      await using server = new Http1Fixture();
      const client = await server.connect();
      await client.send(GET);
      const request = await server.live.request(0);
      await request.until("end");
      reach(request);
      if (leave === "close") await client.close();
      else await client.connection.closeWrite();
      await request.until("abort client_left");
      assert.equal(server.tally.ended, 1);
      await server.served();
    }
  }
});

Deno.test("serveHttp1() tells the handler when the client leaves within its request", async () => {
  await using server = new Http1Fixture();
  const client = await server.connect();
  await client.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\n12345");
  const request = await server.live.request(0);
  await request.until("body");
  await client.close();
  await request.until("abort client_left");
  assert.deepEqual(request.calls, ["body 5", "abort client_left"]);
});

Deno.test("serveHttp1() notices that a client left that had sent its next request", async () => {
  await using server = new Http1Fixture();
  const client = await server.connect();
  await client.send(GET + GET);
  const request = await server.live.request(0);
  await request.until("end");
  await client.close();
  await request.until("abort client_left");
  await server.served();
  assert.equal(server.live.requests.length, 1);
});

Deno.test("serveHttp1() notices a client that resets the connection", async () => {
  await using server = new Http1Fixture();
  const client = await server.connect(false);
  await client.send(GET);
  const request = await server.live.request(0);
  await request.until("end");
  request.answer.head(stream());
  await server.tally.untilOut();
  // Closing over bytes that were not read resets.
  client.connection.close();
  await request.until("abort client_left");
});

Deno.test("serveHttp1() ignores what a handler says after the client left", async () => {
  await using server = new Http1Fixture();
  const client = await server.connect();
  await client.send(GET);
  const request = await server.live.request(0);
  await client.close();
  await request.until("abort");
  request.answer.informational({ status: 103, fields: new Fields(), contentLength: null });
  request.answer.head(stream());
  request.answer.body(bytesOf("late"));
  request.answer.requestConsumed(1);
  request.answer.end(null);
  request.answer.abort(new RelayError("origin_cut", { source: "origin" }));
  await server.served();
  assert.equal(slabsInUse(), 0);
});

Deno.test("serveHttp1() writes a complete answer to a client that has ended its side since", async () => {
  await using server = new Http1Fixture();
  const client = await server.connect(false);
  await client.send(GET);
  const request = await server.live.request(0);
  await request.until("end");
  const body = new Uint8Array(256 * 1024).fill(97);
  request.answer.head(stream(16 * body.length));
  for (let sent = body.length; sent <= 16 * body.length; sent += body.length) {
    request.answer.body(body);
    if (sent === 16 * body.length) break;
    client.startReading();
    await request.untilTrue(() => request.consumedBytes === sent);
  }
  request.answer.end(null);
  await client.connection.closeWrite();
  await client.ended();
  assert.equal(client.received.slice(client.received.indexOf("\r\n\r\n") + 4).length, 16 * body.length);
  assert.deepEqual(request.calls, ["end"]);
});

Deno.test("serveHttp1() aborts a request that goes on after its answer", async () => {
  await using server = new Http1Fixture();
  const client = await server.connect();
  await client.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\n12345");
  const request = await server.live.request(0);
  request.answer.head({ status: 200, fields: new Fields(), contentLength: 0 });
  request.answer.end(null);
  await request.until("abort client_left");
  await client.until("200 OK");
  await client.send("67890" + GET);
  await server.live.request(1);
  assert.ok(!request.calls.includes("end"));
});

Deno.test("serveHttp1() refuses a malformed request so that the client can read why", async () => {
  await using server = new Http1Fixture();
  const client = await server.connect();
  const sending = client.send("GET / HTTP/1.1\r\nhost : a\r\n\r\n" + "x".repeat(200_000));
  await client.ended();
  await sending;
  assert.match(client.received, /^HTTP\/1.1 400 [^]*connection: close[^]*"code":"invalid_request"/);
  assert.equal(client.ending, "end");
  assert.equal(server.tally.refusals[0]?.code, "invalid_request");
  assert.equal(server.tally.started, 0);
});

Deno.test("serveHttp1() refuses a body that breaks in its middle, before the head and after it", async () => {
  for (const isHeadSent of [false, true]) {
    await using server = new Http1Fixture();
    const client = await server.connect();
    await client.send("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n");
    const request = await server.live.request(0);
    await request.until("body");
    if (isHeadSent) request.answer.head(stream());
    await client.send("no length\r\n");
    await client.ended();
    assert.deepEqual(request.calls, ["body 3", "abort invalid_request"]);
    assert.match(client.received, isHeadSent ? /^HTTP\/1.1 200 [^]*\r\n\r\n$/ : /^HTTP\/1.1 400 /);
  }
});

Deno.test("serveHttp1() answers a head that does not come in time, and closes an idle connection", async () => {
  await using server = new Http1Fixture({
    http1: { ...DEFAULT_HTTP1_LIMITS, headTimeoutMs: 30, idleTimeoutMs: 30 },
    handler: echo,
  });
  const slow = await server.connect();
  await slow.send("GET / HT");
  await slow.ended();
  assert.match(slow.received, /^HTTP\/1.1 408 /);
  const idle = await server.connect();
  await idle.send(GET);
  await idle.ended();
  assert.match(idle.received, /^HTTP\/1.1 200 OK\r\n[^]*\r\n\r\n$/);
});

Deno.test("serveHttp1() breaks with a client that takes nothing of its answer", async () => {
  await using server = new Http1Fixture({ stallTimeoutMs: 40 });
  const client = await server.connect(false);
  await client.send(GET);
  const request = await server.live.request(0);
  await request.until("end");
  request.answer.head(stream());
  const piece = new Uint8Array(128 * 1024);
  request.answer.body(piece);
  for (let sent = piece.length; request.error === null; sent += piece.length) {
    request.answer.body(piece);
    await request.untilTrue(() => request.consumedBytes >= sent || request.error !== null);
  }
  assert.equal(request.error?.code, "client_stalled");
  await server.served();
  client.startReading();
  await client.ended();
  assert.ok(!client.received.endsWith("\r\n0\r\n\r\n"));
  assert.equal(slabsInUse(), 0);
});

Deno.test("serveHttp1() drains: idle connections close, exchanges in flight are finished", async () => {
  await using server = new Http1Fixture();
  const fresh = await server.connect();
  const kept = await server.connect();
  const busy = await server.connect();
  await kept.send(GET);
  const done = await server.live.request(0);
  done.answer.head(stream(0));
  done.answer.end(null);
  await kept.until("200 OK");
  await busy.send(GET);
  const request = await server.live.request(1);
  server.drain.abort();
  await fresh.ended();
  await kept.ended();
  request.answer.head(stream());
  request.answer.body(bytesOf("last words"));
  request.answer.end(null);
  await busy.ended();
  assert.match(busy.received, /connection: close\r\n[^]*last words\r\n0\r\n\r\n$/);
  assert.deepEqual([fresh.ending, kept.ending, busy.ending], ["end", "end", "end"]);
  const late = await server.connect();
  await late.ended();
});

Deno.test("serveHttp1() holds nothing after any end of many connections", async () => {
  const plan = fc.record({
    requests: fc.integer({ min: 0, max: 3 }),
    bodyBytes: fc.constantFrom(0, 1, 1_000, 100_000),
    leavesAfterBytes: fc.integer({ min: 0, max: 4_000 }),
    handler: fc.constantFrom("answers", "aborts", "breaks", "waits"),
    turns: fc.integer({ min: 0, max: 3 }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(plan, { minLength: 8, maxLength: 8 }), async (plans) => {
      const server = new Http1Fixture();
      await Promise.all(plans.map(async (one, index) => {
        server.live.onRequest = (request) => act(request, plans[index % plans.length]?.handler ?? "waits");
        const client = await server.connect();
        const post = `POST / HTTP/1.1\r\nhost: a\r\ncontent-length: ${one.bodyBytes}\r\n\r\n`;
        const bytes = (post + "b".repeat(one.bodyBytes)).repeat(one.requests);
        const sending = client.send(bytes.slice(0, one.leavesAfterBytes)).catch(() => {});
        for (let turn = 0; turn < one.turns; turn++) await new Promise((next) => setTimeout(next, 0));
        if (one.handler === "waits" || one.turns % 2 === 0) await client.close();
        else await sending;
      }));
      await server[Symbol.asyncDispose]();
      assert.equal(server.tally.started, server.tally.ended);
      assert.equal(slabsInUse(), 0);
    }),
    { numRuns: 60 },
  );
});

function act({ answer }: LiveRequest, handler: string): void {
  if (handler === "waits") return;
  if (handler === "aborts") return answer.abort(new RelayError("overloaded", { source: "internal" }));
  answer.head(stream());
  answer.body(new Uint8Array(10_000));
  if (handler === "answers") answer.end(null);
  else answer.abort(new RelayError("origin_cut", { source: "origin" }));
}
