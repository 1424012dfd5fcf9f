import assert from "node:assert/strict";
import { RelayError } from "../../../shared/errors/relay_error.ts";
import { Fields } from "../../../shared/exchange/fields.ts";
import { Http2Client } from "./http2_client.ts";
import { HELLO, hello, type Seen, TestServer } from "./http2_server.ts";

function startStream(seen: Seen): void {
  seen.answer.head({ status: 200, fields: new Fields(), contentLength: null });
}

Deno.test("serveHttp2() carries bodies and trailers both ways", async () => {
  await using server = new TestServer({
    onEnd(seen) {
      startStream(seen);
      seen.answer.body(new Uint8Array(200_000));
      seen.answer.end(new Fields(["grpc-status", "0"]));
    },
  });
  const client = await Http2Client.connect(server.port);
  const stream = client.request({ method: "POST", contentLength: null, fields: new Fields(["x-key", "v"]) });
  for (let i = 0; i < 10; i++) client.codec.sendBody(stream, new Uint8Array(20_000));
  client.codec.sendEnd(stream, new Fields(["x-sum", "1"]));
  client.flush();
  await client.until(() => stream.owner?.isEnded === true);
  const [seen] = server.seen;
  assert.deepEqual([seen?.body, seen?.trailers?.get("x-sum")], [200_000, "1"]);
  assert.deepEqual([seen?.head.fields.get("x-key"), seen?.head.context.protocol], ["v", "h2"]);
  assert.deepEqual([stream.owner?.bodyBytes, stream.owner?.trailers?.get("grpc-status")], [200_000, "0"]);
  await server.until(() => seen?.consumed === 200_000);
  client.close();
});

Deno.test("serveHttp2() aborts the request when the client resets, once, and goes on serving", async () => {
  await using server = new TestServer({ onEnd: (seen) => seen.head.path === "/" ? hello(seen) : undefined });
  const client = await Http2Client.connect(server.port);
  const stream = client.request({ path: "/held" });
  await server.until(() => server.seen[0]?.isEnded === true);
  client.codec.reset(stream, 8);
  client.flush();
  await server.until(() => server.seen[0]?.aborted === "client_left");
  const next = client.request();
  await client.until(() => next.owner?.isEnded === true);
  client.close();
});

Deno.test("serveHttp2() aborts all requests when the connection is lost", async () => {
  await using server = new TestServer();
  const client = await Http2Client.connect(server.port);
  for (let i = 0; i < 20; i++) client.request();
  await server.until(() => server.seen.length === 20);
  client.close();
  await server.allServed();
  assert(server.seen.every((seen) => seen.aborted === "client_left"));
});

Deno.test("serveHttp2() makes an error answer of an abort before the head", async () => {
  const error = new RelayError("rate_limit_exceeded", { source: "internal", retryAfterSeconds: 1.5 });
  await using server = new TestServer({
    onStart: (seen) => seen.answer.abort(error),
  });
  const client = await Http2Client.connect(server.port);
  const stream = client.request({ method: "POST", contentLength: null });
  client.codec.sendBody(stream, new Uint8Array(100_000));
  client.flush();
  await client.until(() => stream.owner?.closed !== null);
  assert.equal(stream.owner?.head?.status, 429);
  assert.equal(stream.owner?.head?.fields.get("retry-after"), "2");
  assert.equal(JSON.parse(stream.owner?.body ?? "").error.code, "rate_limit_exceeded");
  assert.equal(stream.owner?.closed, "complete");
  assert.equal(server.seen[0]?.aborted, null);
  client.close();
});

Deno.test("serveHttp2() breaks the stream of an abort behind the head, never ends it", async () => {
  await using server = new TestServer({
    onEnd(seen) {
      startStream(seen);
      seen.answer.body(HELLO);
      seen.answer.abort(new RelayError("origin_cut", { source: "origin" }));
    },
  });
  const client = await Http2Client.connect(server.port);
  const stream = client.request();
  await client.until(() => stream.owner?.closed !== null);
  assert.deepEqual([stream.owner?.closed, stream.owner?.isEnded], ["origin_cut", false]);
  client.close();
});

Deno.test("serveHttp2() breaks the stream of a handler whose body is shorter than announced", async () => {
  await using server = new TestServer({
    onEnd(seen) {
      seen.answer.head({ status: 200, fields: new Fields(), contentLength: 10 });
      seen.answer.body(HELLO);
      seen.answer.end(null);
    },
  });
  const client = await Http2Client.connect(server.port);
  const stream = client.request();
  await client.until(() => stream.owner?.closed !== null);
  assert.equal(stream.owner?.isEnded, false);
  assert.equal(server.seen[0]?.aborted, "internal_error");
  client.close();
});

Deno.test("serveHttp2() ends a request that was answered before its end", async () => {
  await using server = new TestServer({
    onStart(seen) {
      startStream(seen);
      seen.answer.end(null);
    },
  });
  const client = await Http2Client.connect(server.port);
  const stream = client.request({ method: "POST", contentLength: null });
  await client.until(() => stream.owner?.closed !== null);
  assert.deepEqual([stream.owner?.closed, stream.owner?.isEnded], ["complete", true]);
  assert.equal(server.seen[0]?.aborted, "client_left");
  client.close();
});

Deno.test("serveHttp2() reports bytes as consumed only once the client's window let them go", async () => {
  await using server = new TestServer({
    onEnd(seen) {
      startStream(seen);
      for (let i = 0; i < 4; i++) seen.answer.body(new Uint8Array(64 * 1024));
    },
  });
  // A client by hand that raises no window: 65,535 bytes may go.
  const connection = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
  await connection.write(rawRequest());
  const reader = drainOf(connection);
  await server.until(() => server.seen[0]?.consumed === 65_535);
  connection.close();
  await reader;
  await server.allServed();
  assert.equal(server.seen[0]?.consumed, 65_535);
  assert.equal(server.seen[0]?.aborted, "client_left");
});

Deno.test("serveHttp2() answers HEAD without a body, and tells 100 to who waits for it", async () => {
  await using server = new TestServer({ onEnd: hello });
  const client = await Http2Client.connect(server.port);
  const head = client.request({ method: "HEAD" });
  await client.until(() => head.owner?.isEnded === true);
  assert.deepEqual([head.owner?.head?.contentLength, head.owner?.bodyBytes], [5, 0]);
  const fields = new Fields(["expect", "100-continue"]);
  const post = client.request({ method: "POST", contentLength: 5, fields });
  await client.until(() => post.owner?.informational.includes(100) === true);
  client.codec.sendBody(post, HELLO);
  client.codec.sendEnd(post, null);
  client.flush();
  await client.until(() => post.owner?.isEnded === true);
  assert.equal(server.seen[1]?.head.fields.has("expect"), false);
  client.close();
});

Deno.test("serveHttp2() drains: says goodbye, finishes what is under way, closes", async () => {
  await using server = new TestServer();
  const client = await Http2Client.connect(server.port);
  const stream = client.request();
  await server.until(() => server.seen.length === 1);
  server.drain.abort();
  await client.until(() => client.goaways === 2);
  const [seen] = server.seen;
  assert(seen !== undefined);
  hello(seen);
  await client.until(() => stream.owner?.isEnded === true);
  assert.equal(stream.owner?.body, "hello");
  await client.done;
  await server.allServed();
});

Deno.test("serveHttp2() closes a connection that says nothing in time", async () => {
  await using server = new TestServer({ limits: { headTimeoutMs: 30 } });
  const connection = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
  await server.until(() => server.refused.includes("request_timeout"));
  await drainOf(connection);
  connection.close();
});

Deno.test("serveHttp2() closes a connection that is not HTTP/2", async () => {
  await using server = new TestServer();
  const connection = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
  await connection.write(new TextEncoder().encode("GET / HTTP/1.1\r\n\r\n"));
  await drainOf(connection);
  connection.close();
  assert.deepEqual(server.refused, ["invalid_request"]);
});

Deno.test("serveHttp2() keeps its counts over a thousand aborts at any moment", async () => {
  await using server = new TestServer({
    onEnd: hello,
    limits: { resetBurst: 2000 },
  });
  const client = await Http2Client.connect(server.port);
  for (let round = 0; round < 20; round++) {
    const streams = Array.from({ length: 50 }, () => client.request({ method: "POST", contentLength: null }));
    for (const [index, stream] of streams.entries()) {
      if (index % 3 > 0) client.codec.sendBody(stream, HELLO);
      if (index % 3 > 1) client.codec.sendEnd(stream, null);
      if (index % 2 === 0) client.codec.reset(stream, 8);
      else if (index % 3 < 2) client.codec.sendEnd(stream, null);
    }
    client.flush();
    await client.until(() => streams.every((stream) => stream.isClosed));
  }
  await server.until(() => server.ended === server.started && server.started === 1000);
  client.close();
});

/** Preface, SETTINGS and GET in the bytes that any encoder would send. */
function rawRequest(): Uint8Array {
  const settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
  // GET, http, / from the static table, authority "a".
  const get = [0, 0, 6, 1, 5, 0, 0, 0, 1, 0x82, 0x86, 0x84, 0x01, 0x01, 0x61];
  return Uint8Array.from([
    ...new TextEncoder().encode("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    ...settings,
    ...get,
  ]);
}

/** Reads until the connection ends on either side. */
async function drainOf(connection: Deno.TcpConn): Promise<void> {
  const buffer = new Uint8Array(65536);
  try {
    while (await connection.read(buffer) !== null);
  } catch (error) {
    assert(
      error instanceof Deno.errors.BadResource || error instanceof Deno.errors.Interrupted ||
        error instanceof Deno.errors.ConnectionReset,
    );
  }
}
