import assert from "node:assert/strict";
import { RelayError } from "../../../shared/errors/relay_error.ts";
import { EXCHANGE_WINDOW_BYTES } from "../../../shared/exchange/exchange.ts";
import { Fields } from "../../../shared/exchange/fields.ts";
import { ManualClock } from "../../support/manual_clock.ts";
import { bytesOf } from "../../support/recorded_exchange.ts";
import { beginExchange, OriginFixture } from "./origin_fixture.ts";

const EMPTY = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
const HEAD_END = "\r\n\r\n";

Deno.test("OriginClient sends the request to the endpoint and passes its answer on", async () => {
  await using origin = new OriginFixture({}, { path: "/engine/" });
  const { answer, request } = origin.begin({
    method: "POST",
    path: "/v1/chat?x=1",
    contentLength: null,
    fields: new Fields(["content-type", "application/json"]),
  });
  request.body(bytesOf("be"));
  const server = await origin.connection(0);
  await server.until("2\r\nbe\r\n");
  request.body(bytesOf("low"));
  request.end(new Fields(["x-sum", "1"]));
  await server.until("0\r\nx-sum: 1\r\n\r\n");
  assert.equal(
    server.received,
    `POST /engine/v1/chat?x=1 HTTP/1.1\r\nhost: 127.0.0.1:${origin.port}\r\ntransfer-encoding: chunked\r\n` +
      "content-type: application/json\r\n\r\n2\r\nbe\r\n3\r\nlow\r\n0\r\nx-sum: 1\r\n\r\n",
  );
  await answer.untilTrue(() => answer.consumedBytes === 5);
  await server.send("HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n");
  await answer.until("informational 103");
  await server.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nx-a: b\r\n\r\n3\r\none\r\n");
  await answer.until("body 3");
  await server.send("4\r\ntwo!\r\n0\r\nx-count: 2\r\n\r\n");
  await answer.until("end");
  assert.deepEqual(answer.calls, ["informational 103", "head 200", "body 3", "body 4", "end"]);
  assert.equal(answer.text, "onetwo!");
  assert.equal(answer.heads[0]?.fields.get("x-a"), "b");
  assert.equal(answer.trailers?.get("x-count"), "2");
});

Deno.test("OriginClient keeps connections and uses the last one first", async () => {
  await using origin = new OriginFixture();
  const first = origin.begin();
  const second = origin.begin();
  const [one, two] = [await origin.connection(0), await origin.connection(1)];
  await Promise.all([one.until(HEAD_END), two.until(HEAD_END)]);
  await one.send(EMPTY);
  await two.send(EMPTY);
  await Promise.all([first.answer.until("end"), second.answer.until("end")]);
  assert.equal(origin.client.openConnections, 2);
  for (let i = 2; i < 5; i++) {
    const { answer } = origin.begin();
    await two.until(HEAD_END, i);
    await two.send(EMPTY);
    await answer.until("end");
  }
  assert.equal(origin.connections.length, 2);
});

Deno.test("OriginClient shares connections between endpoints of one server, and no more", async () => {
  await using origin = new OriginFixture({}, { path: "/a" });
  const other = origin.client.exchange({ url: new URL(`http://127.0.0.1:${origin.port}/b`), name: "b" });
  const named = origin.client.exchange({ url: new URL(`http://localhost:${origin.port}/a`), name: "named" });
  const { answer } = origin.begin();
  const server = await origin.connection(0);
  await server.until("GET /a/v1/chat/completions");
  await server.send(EMPTY);
  await answer.until("end");
  beginExchange(other, { path: "/1" });
  await server.until("GET /b/1 HTTP/1.1\r\nhost: 127.0.0.1");
  beginExchange(named, { path: "/2" });
  await (await origin.connection(1)).until("GET /a/2 HTTP/1.1\r\nhost: localhost");
});

Deno.test("OriginClient drops kept connections that end, get a byte, are too many or too old", async () => {
  const clock = new ManualClock();
  await using origin = new OriginFixture({ maxIdleConnections: 3, idleConnectionTimeoutMs: 1_500 }, {
    clock,
  });
  const exchanges = Array.from({ length: 4 }, () => origin.begin());
  for (let i = 0; i < 4; i++) {
    const server = await origin.connection(i);
    await server.until(HEAD_END);
    await server.send(EMPTY);
  }
  await Promise.all(exchanges.map(({ answer }) => answer.until("end")));
  assert.equal(origin.client.openConnections, 3);
  const ended = () => origin.connections.filter((peer) => peer.ending !== "open").length;
  assert.ok(ended() <= 1);
  const alive = origin.connections.filter((peer) => peer.ending === "open").slice(0, 3);
  await alive[0]?.connection.close();
  await alive[1]?.send("stray");
  await alive[1]?.ended();
  assert.equal(origin.client.openConnections, 1);
  clock.advance(1_499);
  assert.equal(origin.client.openConnections, 1);
  clock.advance(1);
  await alive[2]?.ended();
  assert.equal(clock.pendingTimers, 0);
  assert.equal(origin.client.openConnections, 0);
});

Deno.test("OriginClient does not keep a connection that the server will close", async () => {
  await using origin = new OriginFixture();
  const { answer } = origin.begin();
  const server = await origin.connection(0);
  await server.until(HEAD_END);
  await server.send("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok");
  await answer.until("end");
  await server.ended();
  assert.equal(origin.client.openConnections, 0);
});

Deno.test("OriginClient holds a body while it connects, and tells when it was written", async () => {
  await using origin = new OriginFixture();
  const { answer, request } = origin.begin({ method: "POST", contentLength: 100_000 });
  const bytes = new Uint8Array(50_000).fill(97);
  request.body(bytes);
  bytes.fill(98);
  request.body(bytes);
  request.end(null);
  assert.equal(answer.consumedBytes, 0);
  const server = await origin.connection(0);
  await server.until(new RegExp("\r\n\r\na{50000}b{50000}$"));
  await answer.untilTrue(() => answer.consumedBytes === 100_000);
});

Deno.test("OriginClient sends no more of a body than the server takes", async () => {
  await using origin = new OriginFixture();
  origin.isReading = false;
  const total = 12_000_000;
  const { answer, request } = origin.begin({ method: "POST", contentLength: total });
  const piece = new Uint8Array(10_000).fill(120);
  let sent = 0;
  const isStuck = () => sent + piece.length - answer.consumedBytes > EXCHANGE_WINDOW_BYTES;
  while (sent < total) {
    if (isStuck()) {
      (await origin.connection(0)).startReading();
      await answer.untilTrue(() => !isStuck());
    }
    request.body(piece);
    sent += piece.length;
  }
  request.end(null);
  await answer.untilTrue(() => answer.consumedBytes === total);
  const server = await origin.connection(0);
  await server.until(/x$/);
  assert.ok(server.received.length >= total - EXCHANGE_WINDOW_BYTES - 6_000_000);
});

Deno.test("OriginClient reads no more of an answer than one window that is not consumed", async () => {
  await using origin = new OriginFixture();
  const { answer, request } = origin.begin({}, "manual");
  const server = await origin.connection(0);
  await server.until(HEAD_END);
  const total = 3_000_000;
  const sending = server.send(`HTTP/1.1 200 OK\r\ncontent-length: ${total}\r\n\r\n${"x".repeat(total)}`);
  for (let consumed = 0; consumed < total;) {
    await answer.untilTrue(() =>
      answer.bodyBytes - consumed > 0.7 * EXCHANGE_WINDOW_BYTES || answer.bodyBytes === total
    );
    const held = answer.bodyBytes - consumed;
    assert.ok(held <= EXCHANGE_WINDOW_BYTES, `${held} bytes are held`);
    consumed += held;
    request.answerConsumed(held);
  }
  await sending;
  await answer.until("end");
  const next = origin.begin();
  await server.until(HEAD_END, 2);
  await server.send(EMPTY);
  await next.answer.until("end");
});

Deno.test("OriginClient passes on an answer that comes before the request is complete, then closes", async () => {
  await using origin = new OriginFixture();
  const { answer, request } = origin.begin({ method: "POST", contentLength: null });
  request.body(bytesOf("part"));
  const server = await origin.connection(0);
  await server.until("part");
  await server.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n");
  await answer.until("body 2");
  request.body(bytesOf("more"));
  await server.until("more");
  await server.send("0\r\n\r\n");
  await answer.until("end");
  await server.ended();
  // What still comes is taken, so that whoever sends it gets to the end.
  request.body(bytesOf("rest"));
  assert.equal(answer.consumedBytes, 12);
  request.end(null);
  assert.equal(origin.client.openConnections, 0);
  assert.deepEqual(answer.calls, ["head 200", "body 2", "end"]);
});

Deno.test("OriginClient passes on an answer whose server no longer reads the request", async () => {
  await using origin = new OriginFixture();
  origin.isReading = false;
  const { answer, request } = origin.begin({ method: "POST", contentLength: 100_000_000 });
  const piece = new Uint8Array(EXCHANGE_WINDOW_BYTES / 2);
  request.body(piece);
  const server = await origin.connection(0);
  await server.send("HTTP/1.1 413 Content Too Large\r\ncontent-length: 3\r\n\r\nbig");
  server.connection.close();
  for (let sent = piece.length; !answer.calls.includes("end"); sent += piece.length) {
    await answer.untilTrue(() => answer.consumedBytes >= sent || answer.calls.includes("end"));
    assert.equal(answer.error, null);
    request.body(piece);
    // Bytes that the server cannot take any more are reported at once: without a turn, nothing else would come.
    await new Promise((turn) => setTimeout(turn, 0));
  }
  assert.deepEqual(answer.calls, ["head 413", "body 3", "end"]);
  request.abort(new RelayError("client_left", { source: "downstream" }));
  assert.equal(origin.client.openConnections, 0);
});

Deno.test("OriginClient hands over every token when it comes", async () => {
  await using origin = new OriginFixture();
  const { answer } = origin.begin();
  const server = await origin.connection(0);
  await server.until(HEAD_END);
  await server.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
  await answer.until("head");
  const count = 50;
  await new Promise<void>((done) => {
    let made = 0;
    const producer = setInterval(() => {
      void server.send("6\r\ntoken\n\r\n");
      if (++made < count) return;
      clearInterval(producer);
      done();
    }, 4);
  });
  await answer.untilTrue(() => answer.bodyBytes === 6 * count);
  const bodies = answer.calls.filter((call) => call.startsWith("body"));
  assert.ok(bodies.length > 0.8 * count, `${count} tokens came in ${bodies.length} pieces`);
});
