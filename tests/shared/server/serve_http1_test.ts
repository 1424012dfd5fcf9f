import assert from "node:assert/strict";
import { RelayError } from "../../../shared/errors/relay_error.ts";
import { Fields } from "../../../shared/exchange/fields.ts";
import { bytesOf } from "../../support/recorded_exchange.ts";
import { Http1Fixture } from "./http1_fixture.ts";

const GET = "GET /v1/models HTTP/1.1\r\nhost: a.example\r\n\r\n";

function plain(contentLength: number | null, status = 200) {
  return { status, fields: new Fields(["content-type", "text/plain"]), contentLength };
}

Deno.test("serveHttp1() serves one exchange after the other on a connection", async () => {
  await using server = new Http1Fixture();
  const client = await server.connect();
  for (let i = 0; i < 3; i++) {
    await client.send(GET);
    const request = await server.live.request(i);
    await request.until("end");
    request.answer.head(plain(2));
    request.answer.body(bytesOf(`#${i}`));
    request.answer.end(null);
    await client.until(`#${i}`);
    await request.untilTrue(() => request.consumedBytes === 2);
  }
  const answer = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-type: text/plain\r\n\r\n";
  assert.equal(client.received, `${answer}#0${answer}#1${answer}#2`);
  const { head } = await server.live.request(0);
  assert.deepEqual(
    { ...head, fields: [...head.fields] },
    {
      context: { id: "req_0", kind: "client", clientAddress: "127.0.0.1", protocol: "http/1.1" },
      method: "GET",
      scheme: "http",
      authority: "a.example",
      path: "/v1/models",
      fields: [],
      contentLength: 0,
    },
  );
  await server.tally.untilEnded(3);
  assert.equal(server.tally.inBytes, 3 * GET.length);
  assert.equal(server.tally.outBytes, client.received.length);
});

Deno.test("serveHttp1() passes chunks and trailers in both directions while both are open", async () => {
  await using server = new Http1Fixture();
  const client = await server.connect();
  await client.send("POST /echo HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n");
  const request = await server.live.request(0);
  await request.until("body");
  assert.equal(request.head.contentLength, null);
  request.answer.head(plain(null));
  request.answer.body(bytesOf("first"));
  await client.until("5\r\nfirst\r\n");
  await client.send("2\r\nde\r\n0\r\nx-sum: 5\r\n\r\n");
  await request.until("end");
  assert.equal(request.text, "abcde");
  assert.equal(request.trailers?.get("x-sum"), "5");
  request.answer.end(new Fields(["x-count", "1"]));
  await client.until("\r\n0\r\nx-count: 1\r\n\r\n");
});

Deno.test("serveHttp1() passes informational answers and asks for an awaited body", async () => {
  await using server = new Http1Fixture();
  const client = await server.connect();
  await client.send("PUT / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n");
  await client.until("HTTP/1.1 100 Continue\r\n\r\n");
  await client.send("ok");
  const request = await server.live.request(0);
  await request.until("end");
  request.answer.informational({ status: 103, fields: new Fields(["link", "</a>"]), contentLength: null });
  await client.until("HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n");
  request.answer.head(plain(0));
  request.answer.end(null);
  await client.until("HTTP/1.1 200 OK");
});

Deno.test("serveHttp1() begins a pipelined request when the answer before it has left", async () => {
  await using server = new Http1Fixture();
  const client = await server.connect();
  await client.send(GET + GET + GET);
  for (let i = 0; i < 3; i++) {
    const request = await server.live.request(i);
    assert.equal(server.live.requests.length, i + 1);
    request.answer.head(plain(null));
    request.answer.body(bytesOf(`answer ${i}`));
    assert.equal(server.live.requests.length, i + 1);
    request.answer.end(null);
    assert.equal(server.live.requests.length, i + 1);
  }
  await client.until(/answer 0[^]*answer 1[^]*answer 2\r\n0\r\n\r\n$/);
});

Deno.test("serveHttp1() sends no body to HEAD and still reports it as consumed", async () => {
  await using server = new Http1Fixture();
  const client = await server.connect();
  await client.send("HEAD / HTTP/1.1\r\nhost: a\r\n\r\n");
  const request = await server.live.request(0);
  request.answer.head(plain(5));
  request.answer.body(bytesOf("12345"));
  request.answer.end(null);
  await request.untilTrue(() => request.consumedBytes === 5);
  await client.send(GET);
  (await server.live.request(1)).answer.abort(new RelayError("not_found", { source: "internal" }));
  await client.until("HTTP/1.1 404");
  assert.match(client.received, /^HTTP\/1.1 200 OK\r\ncontent-length: 5\r\n[^]*\r\n\r\nHTTP\/1.1 404/);
});

Deno.test("serveHttp1() ends an answer of unknown length to HTTP/1.0 with the connection", async () => {
  await using server = new Http1Fixture();
  const client = await server.connect();
  await client.send("GET / HTTP/1.0\r\nhost: a\r\n\r\n");
  const request = await server.live.request(0);
  assert.equal(request.head.context.protocol, "http/1.0");
  request.answer.head(plain(null));
  request.answer.body(bytesOf("all of it"));
  request.answer.end(null);
  await client.ended();
  assert.match(client.received, /connection: close\r\n[^]*\r\n\r\nall of it$/);
});

Deno.test("serveHttp1() answers an exchange that fails before its head with an error, and goes on", async () => {
  await using server = new Http1Fixture();
  const client = await server.connect();
  await client.send(GET);
  const error = new RelayError("overloaded", { source: "internal", retryAfterSeconds: 3 });
  (await server.live.request(0)).answer.abort(error);
  await client.until('"code":"overloaded"');
  assert.match(client.received, /^HTTP\/1.1 503 [^]*x-request-id: req_0\r\nretry-after: 3\r\n/);
  await client.send(GET);
  await server.live.request(1);
});

Deno.test("serveHttp1() breaks the transfer of an exchange that fails after its head", async () => {
  for (const contentLength of [null, 100]) {
    await using server = new Http1Fixture();
    const client = await server.connect();
    await client.send(GET);
    const request = await server.live.request(0);
    request.answer.head(plain(contentLength));
    request.answer.body(bytesOf("half"));
    request.answer.abort(new RelayError("origin_cut", { source: "origin" }));
    await client.ended();
    assert.ok(client.received.includes("half"));
    assert.ok(!client.received.includes("\r\n0\r\n"));
    await server.tally.untilEnded(1);
    assert.deepEqual(request.calls, ["end"]);
  }
});

Deno.test("serveHttp1() answers for a handler that throws, and closes", async () => {
  await using server = new Http1Fixture({
    handler: () => {
      throw new Error("a bug");
    },
  });
  const client = await server.connect();
  await client.send(GET);
  await client.ended();
  assert.match(client.received, /^HTTP\/1.1 500 [^]*connection: close[^]*"code":"internal_error"/);
  assert.ok(!client.received.includes("a bug"));
});

Deno.test("serveHttp1() breaks an answer that is not as long as its head says", async () => {
  for (const body of ["too long", "-"]) {
    await using server = new Http1Fixture();
    const client = await server.connect();
    await client.send(GET);
    const request = await server.live.request(0);
    await request.until("end");
    request.answer.head(plain(3));
    request.answer.body(bytesOf(body));
    request.answer.end(null);
    await client.ended();
    assert.deepEqual(request.calls, ["end", "abort internal_error"]);
    assert.ok(client.received.length < "HTTP/1.1 200 OK\r\n".length + 60 + 3);
  }
});

Deno.test("serveHttp1() survives a handler that throws in the middle of an exchange", async () => {
  await using server = new Http1Fixture({
    handler: () => ({
      body() {
        throw new Error("a bug");
      },
      end() {},
      abort() {
        throw new Error("another bug");
      },
      answerConsumed() {},
    }),
  });
  const client = await server.connect();
  await client.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\nab");
  await client.ended();
  await server.served();
  assert.equal(server.tally.refusals[0]?.code, "internal_error");
  assert.equal(server.tally.ended, 1);
});
