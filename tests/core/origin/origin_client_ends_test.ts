import assert from "node:assert/strict";
import fc from "fast-check";
import { slabsInUse } from "../../../shared/buffers/slab_pool.ts";
import { SYSTEM_CLOCK } from "../../../shared/clock/clock.ts";
import type { ErrorCode } from "../../../shared/errors/error_table.ts";
import { EXCHANGE_WINDOW_BYTES } from "../../../shared/exchange/exchange.ts";
import { RelayError } from "../../../shared/errors/relay_error.ts";
import { OriginClient } from "../../../core/origin/origin_client.ts";
import { ManualClock } from "../../support/manual_clock.ts";
import { bytesOf } from "../../support/recorded_exchange.ts";
import { beginExchange, ORIGIN_OPTIONS, OriginFixture } from "./origin_fixture.ts";

const EMPTY = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
const HEAD_END = "\r\n\r\n";
const LEFT = new RelayError("client_left", { source: "downstream" });

/** A port of this machine that nobody listens on. */
function freePort(): number {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  return port;
}

Deno.test("OriginClient closes the connection at once when the exchange is aborted, at every stage", async () => {
  const stages: [sent: string, reached: string | null][] = [
    ["", null],
    ["HTTP/1.1 103 Early Hints\r\n\r\n", "informational"],
    ["HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", "head"],
    ["HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\ntoken\r\n", "body"],
  ];
  for (const [sent, reached] of stages) {
    await using origin = new OriginFixture();
    const { answer, request } = origin.begin();
    const server = await origin.connection(0);
    await server.until(HEAD_END);
    await server.send(sent);
    if (reached !== null) await answer.until(reached);
    request.abort(LEFT);
    assert.equal(origin.client.openConnections, 0);
    await server.ended();
    assert.ok(!answer.calls.some((call) => call.startsWith("abort") || call === "end"));
  }
});

Deno.test("OriginClient gives up connecting when the exchange is aborted", async () => {
  await using origin = new OriginFixture();
  const { answer, request } = origin.begin();
  request.abort(LEFT);
  await origin.client.close();
  assert.equal(origin.client.openConnections, 0);
  assert.deepEqual(answer.calls, []);
});

Deno.test("OriginClient says that another endpoint may be tried when one cannot be reached", async () => {
  const client = new OriginClient(ORIGIN_OPTIONS, SYSTEM_CLOCK);
  for (const url of [`http://127.0.0.1:${freePort()}`, `https://127.0.0.1:${freePort()}`]) {
    const { answer } = beginExchange(client.exchange({ url: new URL(url), name: "nobody" }));
    assert.deepEqual(answer.calls, []);
    await answer.until("abort origin_unreachable");
    assert.equal(answer.error?.retry, "other_endpoint");
  }
  assert.equal(client.openConnections, 0);
  await client.close();
});

Deno.test("OriginClient does not wait for a server that accepts no connection", async () => {
  const client = new OriginClient({ ...ORIGIN_OPTIONS, connectTimeoutMs: 30 }, SYSTEM_CLOCK);
  // A listener whose queue is full drops further connections.
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0, tcpBacklog: 1 });
  const { port } = listener.addr;
  const filling: Promise<Deno.Conn>[] = [];
  const filled = new AbortController();
  for (let i = 0; i < 4; i++) {
    filling.push(Deno.connect({ hostname: "127.0.0.1", port, signal: filled.signal }));
  }
  await Promise.all(filling.slice(0, 2));
  const handler = client.exchange({ url: new URL(`http://127.0.0.1:${port}`), name: "full" });
  const { answer } = beginExchange(handler);
  await answer.until("abort origin_unreachable");
  await client.close();
  assert.equal(client.openConnections, 0);
  filled.abort();
  for (const result of await Promise.allSettled(filling)) {
    if (result.status === "fulfilled") result.value.close();
  }
  listener.close();
});

Deno.test("OriginClient names how an answer failed", async () => {
  const cases: [sent: string, code: ErrorCode, calls: string[]][] = [
    ["", "origin_cut", []],
    ["HTTP/1.1 200 O", "origin_cut", []],
    ["HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nfour", "origin_cut", ["head 200", "body 4"]],
    ["HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nfour\r\n", "origin_cut", [
      "head 200",
      "body 4",
    ]],
    ["SSH-2.0-OpenSSH\r\n\r\n", "origin_protocol", []],
    ["HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nx\r\n", "origin_protocol", ["head 200"]],
  ];
  for (const [sent, code, calls] of cases) {
    await using origin = new OriginFixture();
    const { answer } = origin.begin();
    const server = await origin.connection(0);
    await server.until(HEAD_END);
    await server.send(sent);
    if (code === "origin_cut") await server.connection.closeWrite();
    await answer.until("abort");
    assert.deepEqual(answer.calls, [...calls, `abort ${code}`], sent);
    assert.equal(answer.error?.source, "origin");
    assert.equal(origin.client.openConnections, 0);
    await server.ended();
  }
});

Deno.test("OriginClient takes the end of the connection for the end of an answer that says so", async () => {
  await using origin = new OriginFixture();
  const { answer } = origin.begin();
  const server = await origin.connection(0);
  await server.until(HEAD_END);
  await server.send("HTTP/1.0 200 OK\r\n\r\nto the end");
  await server.connection.closeWrite();
  await answer.until("end");
  assert.equal(answer.text, "to the end");
});

Deno.test("OriginClient times out on a silent server, before the head and within the body", async () => {
  const clock = new ManualClock();
  await using origin = new OriginFixture({ headTimeoutMs: 900, idleTimeoutMs: 300 }, { clock });
  const silent = origin.begin();
  const first = await origin.connection(0);
  await first.until(HEAD_END);
  clock.advance(899);
  assert.deepEqual(silent.answer.calls, []);
  clock.advance(1);
  assert.deepEqual(silent.answer.calls, ["abort origin_timeout"]);
  await first.ended();
  const { answer } = origin.begin();
  const second = await origin.connection(1);
  await second.until(HEAD_END);
  clock.advance(800);
  await second.send("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nfour");
  await answer.until("body");
  clock.advance(299);
  assert.deepEqual(answer.calls, ["head 200", "body 4"]);
  clock.advance(1);
  assert.deepEqual(answer.calls, ["head 200", "body 4", "abort origin_timeout"]);
  await second.ended();
  assert.equal(origin.client.openConnections, 0);
  assert.equal(clock.pendingTimers, 0);
});

Deno.test("OriginClient charges the server for no time in which the request or the reader is late", async () => {
  const clock = new ManualClock();
  await using origin = new OriginFixture({ headTimeoutMs: 30, idleTimeoutMs: 30 }, { clock });
  const { answer, request } = origin.begin({ method: "POST", contentLength: 2 }, "manual");
  const server = await origin.connection(0);
  await server.until(HEAD_END);
  clock.advance(10_000);
  request.body(bytesOf("ab"));
  request.end(null);
  await server.until("ab");
  const total = 3_000_000;
  const sending = server.send(`HTTP/1.1 200 OK\r\ncontent-length: ${total}\r\n\r\n${"x".repeat(total)}`);
  await answer.untilTrue(() => answer.bodyBytes > 0.8 * EXCHANGE_WINDOW_BYTES);
  clock.advance(10_000);
  assert.equal(answer.error, null);
  for (let consumed = 0; consumed < total;) {
    await answer.untilTrue(() => answer.bodyBytes > consumed);
    const held = answer.bodyBytes - consumed;
    consumed += held;
    request.answerConsumed(held);
  }
  await sending;
  await answer.until("end");
});

Deno.test("OriginClient sends again what a kept connection lost, if that is safe", async () => {
  const cases: [method: string, contentLength: number | null, isSentAgain: boolean][] = [
    ["GET", 0, true],
    ["POST", null, true],
    ["POST", 0, false],
  ];
  for (const [method, contentLength, isSentAgain] of cases) {
    await using origin = new OriginFixture();
    const first = origin.begin();
    const server = await origin.connection(0);
    await server.until(HEAD_END);
    await server.send(EMPTY);
    await first.answer.until("end");
    const { answer, request } = origin.begin({ method, contentLength });
    await server.until(HEAD_END, 2);
    await server.connection.closeWrite();
    if (!isSentAgain) {
      await answer.until("abort origin_cut");
      continue;
    }
    const again = await origin.connection(1);
    await again.until(HEAD_END);
    if (contentLength === null) request.end(null);
    await again.send(EMPTY);
    await answer.until("end");
    assert.deepEqual(answer.calls, ["head 200", "end"]);
    // A fresh connection that dies is not the same: nothing is sent a third time.
    const last = origin.begin();
    await again.until(HEAD_END, 2);
    await again.connection.closeWrite();
    const third = await origin.connection(2);
    await third.until(HEAD_END);
    await third.connection.closeWrite();
    await last.answer.until("abort origin_cut");
    assert.equal(origin.connections.length, 3);
  }
});

Deno.test("OriginClient does not send a body twice", async () => {
  await using origin = new OriginFixture();
  const first = origin.begin();
  const server = await origin.connection(0);
  await server.until(HEAD_END);
  await server.send(EMPTY);
  await first.answer.until("end");
  const { answer, request } = origin.begin({ method: "PUT", contentLength: 4 });
  request.body(bytesOf("body"));
  request.end(null);
  await server.until("body");
  await server.connection.closeWrite();
  await answer.until("abort origin_cut");
  assert.equal(origin.connections.length, 1);
});

Deno.test("OriginClient refuses more connections to one endpoint than allowed", async () => {
  await using origin = new OriginFixture({ maxConnections: 2 });
  origin.begin();
  const second = origin.begin();
  const third = origin.begin();
  await third.answer.until("abort overloaded");
  assert.equal(third.answer.error?.retry, "other_endpoint");
  second.request.abort(LEFT);
  await origin.connection(0);
  const fourth = origin.begin();
  assert.deepEqual(fourth.answer.calls, []);
  await Promise.all([0, 1].map((index) => origin.connection(index)));
});

Deno.test("OriginClient fails a request that is not as long as its head says", async () => {
  for (const body of ["too long", "-"]) {
    await using origin = new OriginFixture();
    const { answer, request } = origin.begin({ method: "POST", contentLength: 3 });
    const server = await origin.connection(0);
    await server.until(HEAD_END);
    request.body(bytesOf(body));
    request.end(null);
    await answer.until("abort internal_error");
    await server.ended();
  }
});

Deno.test("OriginClient fails a request that cannot be written, after it has returned", async () => {
  await using origin = new OriginFixture();
  const { answer } = origin.begin({ method: "SP LIT" });
  await answer.until("abort internal_error");
  assert.equal(origin.client.openConnections, 0);
});

Deno.test("OriginClient close() fails what is under way and holds nothing afterwards", async () => {
  await using origin = new OriginFixture();
  const kept = origin.begin();
  const server = await origin.connection(0);
  await server.until(HEAD_END);
  await server.send(EMPTY);
  await kept.answer.until("end");
  const active = origin.begin();
  await server.until(HEAD_END, 2);
  const connecting = origin.begin();
  await origin.client.close();
  assert.deepEqual(active.answer.calls, ["abort draining"]);
  assert.deepEqual(connecting.answer.calls, ["abort draining"]);
  assert.equal(origin.client.openConnections, 0);
  assert.equal(slabsInUse(), 0);
  const late = origin.begin();
  await late.answer.until("abort draining");
});

Deno.test("OriginClient holds nothing after a thousand aborts at any moment", async () => {
  await using origin = new OriginFixture({ maxIdleConnections: 20 });
  const answers = [
    EMPTY,
    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\ntoken\r\n",
    "HTTP/1.1 20",
    "",
  ];
  const plan = fc.record({
    bodyBytes: fc.constantFrom(0, 10, 100_000),
    endsRequest: fc.boolean(),
    turns: fc.integer({ min: 0, max: 6 }),
    consumes: fc.boolean(),
  });
  let exchanges = 0;
  let served = 0;
  const serve = () => {
    for (; served < origin.connections.length; served++) {
      const peer = origin.connections[served];
      void peer?.send(answers[served % answers.length] ?? "").catch(() => {});
    }
  };
  await fc.assert(
    fc.asyncProperty(fc.array(plan, { minLength: 25, maxLength: 25 }), async (plans) => {
      await Promise.all(plans.map(async ({ bodyBytes, endsRequest, turns, consumes }) => {
        exchanges++;
        const appetite = consumes ? "eager" : "manual";
        const { request } = origin.begin({ method: "POST", contentLength: bodyBytes || null }, appetite);
        if (bodyBytes > 0) request.body(new Uint8Array(bodyBytes));
        if (endsRequest) request.end(null);
        for (let turn = 0; turn < turns; turn++) {
          await new Promise((next) => setTimeout(next, 0));
          serve();
        }
        request.abort(LEFT);
      }));
    }),
    { numRuns: 40 },
  );
  assert.equal(exchanges, 1000);
  await origin.client.close();
  assert.equal(origin.client.openConnections, 0);
  assert.equal(slabsInUse(), 0);
});
