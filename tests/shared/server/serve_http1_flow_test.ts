import assert from "node:assert/strict";
import { RelayError } from "../../../shared/errors/relay_error.ts";
import { EXCHANGE_WINDOW_BYTES } from "../../../shared/exchange/exchange.ts";
import { Fields } from "../../../shared/exchange/fields.ts";
import { bytesOf } from "../../support/recorded_exchange.ts";
import { Http1Fixture } from "./http1_fixture.ts";

const GET = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";
const STREAM = { status: 200, fields: new Fields(), contentLength: null };

Deno.test("serveHttp1() takes at most one window of a body that is not consumed", async () => {
  await using server = new Http1Fixture();
  server.live.appetite = "manual";
  const client = await server.connect();
  const total = 3_000_000;
  const sending = client.send(
    `POST / HTTP/1.1\r\nhost: a\r\ncontent-length: ${total}\r\n\r\n${"x".repeat(total)}`,
  );
  const request = await server.live.request(0);
  let consumed = 0;
  let rounds = 0;
  for (; consumed < total; rounds++) {
    const held = () => request.bodyBytes - consumed;
    const isPaused = () => held() > 0.7 * EXCHANGE_WINDOW_BYTES || request.bodyBytes === total;
    await request.untilTrue(isPaused, "a pause");
    assert.ok(held() <= EXCHANGE_WINDOW_BYTES, `${held()} bytes are held`);
    const bytes = held();
    consumed += bytes;
    request.answer.requestConsumed(bytes);
  }
  await sending;
  await request.until("end");
  assert.ok(rounds > total / EXCHANGE_WINDOW_BYTES - 1);
  request.answer.head(STREAM);
  request.answer.end(null);
  await client.until("0\r\n\r\n");
});

Deno.test("serveHttp1() reads on only when most of what it handed over is consumed", async () => {
  await using server = new Http1Fixture();
  server.live.appetite = "manual";
  const client = await server.connect();
  const total = 2_000_000;
  const sending = client.send(
    `POST / HTTP/1.1\r\nhost: a\r\ncontent-length: ${total}\r\n\r\n${"x".repeat(total)}`,
  );
  const request = await server.live.request(0);
  const roundTrips = async (count: number) => {
    const other = await server.connect();
    await other.send(GET.repeat(count));
    await other.until("200 OK", count);
  };
  server.live.onRequest = ({ answer }) => {
    answer.head(STREAM);
    answer.end(null);
  };
  await request.untilTrue(() => request.bodyBytes > 0.8 * EXCHANGE_WINDOW_BYTES);
  await roundTrips(20);
  const before = request.bodyBytes;
  request.answer.requestConsumed(before - Math.ceil(0.2 * EXCHANGE_WINDOW_BYTES) - 1);
  await roundTrips(20);
  assert.equal(request.bodyBytes, before);
  request.answer.requestConsumed(2);
  await request.untilTrue(() => request.bodyBytes > before);
  request.answer.abort(new RelayError("request_too_large", { source: "internal" }));
  await client.until("413");
  await client.close();
  await sending.catch(() => {});
});

Deno.test("serveHttp1() reports an answer's bytes as consumed when they have left, and all of them", async () => {
  await using server = new Http1Fixture();
  const client = await server.connect(false);
  await client.send(GET);
  const request = await server.live.request(0);
  request.answer.head(STREAM);
  const piece = new Uint8Array(1_000).fill(120);
  const total = 8_000_000;
  let sent = 0;
  const isStuck = () => sent - request.consumedBytes >= EXCHANGE_WINDOW_BYTES - piece.length;
  while (sent < total) {
    if (isStuck()) {
      client.startReading();
      await request.untilTrue(() => !isStuck());
    }
    request.answer.body(piece);
    sent += piece.length;
    const left = server.tally.outBytes;
    assert.ok(request.consumedBytes <= left, "more was reported than has left");
  }
  request.answer.end(null);
  await request.untilTrue(() => request.consumedBytes === total);
  await client.until("\r\n0\r\n\r\n");
  assert.equal(client.received.split("x").length - 1, total);
});

Deno.test("serveHttp1() does not pile up answers of requests that a client sends ahead", async () => {
  await using server = new Http1Fixture();
  server.live.onRequest = ({ answer, head }) => {
    answer.head(STREAM);
    answer.body(new Uint8Array(head.authority === "a" ? EXCHANGE_WINDOW_BYTES : 1));
    answer.end(null);
  };
  const client = await server.connect(false);
  const count = 200;
  const sending = client.send(GET.repeat(count));
  const other = await server.connect();
  for (let i = 1; i <= 50; i++) {
    await other.send("GET / HTTP/1.1\r\nhost: b\r\n\r\n");
    await other.until("\r\n0\r\n\r\n", i);
  }
  const begun = server.live.requests.length - 50;
  assert.ok(begun < count / 4, `${begun} of ${count} were begun`);
  client.startReading();
  await server.tally.untilEnded(count + 50);
  await sending;
});

Deno.test("serveHttp1() lets every token go when it is made", async () => {
  await using server = new Http1Fixture();
  const client = await server.connect();
  await client.send(GET);
  const request = await server.live.request(0);
  request.answer.head(STREAM);
  await client.until("\r\n\r\n");
  const before = client.arrivals.length;
  const count = 50;
  const sentAt: number[] = [];
  await new Promise<void>((done) => {
    const producer = setInterval(() => {
      sentAt.push(performance.now());
      request.answer.body(bytesOf(`data: {"token":${sentAt.length}}\n\n`));
      if (sentAt.length < count) return;
      clearInterval(producer);
      done();
    }, 4);
  });
  await client.until(`"token":${count}}`);
  const arrivedAt = client.arrivals.slice(before);
  // Loopback acknowledges at once, so this sees what the driver holds back, not Nagle's algorithm.
  assert.ok(arrivedAt.length > 0.8 * count, `${count} tokens came in ${arrivedAt.length} pieces`);
  const ownGap = longestGap(sentAt);
  assert.ok(longestGap(arrivedAt) < 3 * ownGap, `${longestGap(arrivedAt)} ms against ${ownGap} ms`);
});

function longestGap(times: number[]): number {
  return Math.max(...times.slice(1).map((time, index) => time - (times[index] ?? 0)));
}
