import assert from "node:assert/strict";
import { RelayError } from "../../../shared/errors/relay_error.ts";
import { EXCHANGE_WINDOW_BYTES } from "../../../shared/exchange/exchange.ts";
import { Fields } from "../../../shared/exchange/fields.ts";
import { refuse } from "../../../shared/exchange/refuse.ts";
import { DEFAULT_HTTP1_LIMITS } from "../../../shared/http1/http1_limits.ts";
import { Watch } from "../../support/watch.ts";
import { Http1Fixture } from "./http1_fixture.ts";

const GET = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";

Deno.test("serveHttp1() charges a pause to nobody, and the time after it to the client", async () => {
  const limitMs = 300;
  await using server = new Http1Fixture({
    http1: {
      ...DEFAULT_HTTP1_LIMITS,
      headTimeoutMs: limitMs,
      bodyGraceMs: limitMs,
      minBodyBytesPerSecond: 1_000_000_000,
    },
  });
  server.live.appetite = "manual";
  const client = await server.connect();
  const firstBytes = Math.floor(0.78 * EXCHANGE_WINDOW_BYTES);
  await client.send(
    `POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1000000\r\n\r\n${"x".repeat(firstBytes)}`,
  );
  const request = await server.live.request(0);
  await request.untilTrue(() => request.bodyBytes === firstBytes);
  // One more read fills the window to its last byte: then nothing waits in the buffer.
  await client.send("x".repeat(EXCHANGE_WINDOW_BYTES - firstBytes));
  await request.untilTrue(() => request.bodyBytes === EXCHANGE_WINDOW_BYTES);
  // Another connection's time-out comes when those of this one would have been long over.
  const other = await server.connect();
  await other.send("GET / HT");
  await other.ended();
  assert.equal(request.error, null);
  request.answer.requestConsumed(EXCHANGE_WINDOW_BYTES);
  await request.until("abort request_timeout");
  await client.until("HTTP/1.1 408 ");
});

Deno.test("serveHttp1() tells one thing about a client that stalls while its next requests wait", async () => {
  await using server = new Http1Fixture({ stallTimeoutMs: 50 });
  const client = await server.connect(false);
  await client.send(GET + GET);
  const request = await server.live.request(0);
  await request.until("end");
  await client.send(GET);
  request.answer.head({ status: 200, fields: new Fields(), contentLength: null });
  const piece = new Uint8Array(EXCHANGE_WINDOW_BYTES);
  for (let sent = 0; request.error === null; sent += piece.length) {
    await request.untilTrue(() => request.consumedBytes >= sent || request.error !== null);
    request.answer.body(piece);
  }
  await server.served();
  assert.deepEqual(server.tally.refusals.map(({ code }) => code), ["client_stalled"]);
});

Deno.test("serveHttp1() does not ask for a body that the handler refuses at once", async () => {
  const error = new RelayError("invalid_api_key", { source: "downstream" });
  await using server = new Http1Fixture({ handler: (_, answer) => refuse(answer, error) });
  const client = await server.connect();
  await client.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\nexpect: 100-continue\r\n\r\n");
  await client.ended();
  assert.match(client.received, /^HTTP\/1.1 401 [^]*\r\nconnection: close\r\n/);
});

Deno.test("serveHttp1() takes the rest of a long body so that a client that reads late gets its error", async () => {
  const error = new RelayError("invalid_api_key", { source: "downstream" });
  await using server = new Http1Fixture({ handler: (_, answer) => refuse(answer, error) });
  const client = await server.connect(false);
  const length = 6_000_000;
  await client.send(`POST / HTTP/1.1\r\nhost: a\r\ncontent-length: ${length}\r\n\r\n${"x".repeat(length)}`);
  client.startReading();
  await client.ended();
  assert.equal(client.ending, "end");
  assert.match(client.received, /^HTTP\/1.1 401 /);
});

Deno.test("serveHttp1() waits for no client that has sent its whole request", async () => {
  // Time stands still: whatever waits for it waits for ever.
  await using server = new Http1Fixture({ clock: () => 0 });
  const idle = await server.connect();
  const client = await server.connect();
  await client.send("GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
  const request = await server.live.request(0);
  request.answer.head({ status: 200, fields: new Fields(), contentLength: 0 });
  request.answer.end(null);
  await client.ended();
  server.drain.abort();
  await idle.ended();
  const watch = new Watch();
  let isServed = false;
  void server.served().then(() => {
    isServed = true;
    watch.changed();
  });
  await watch.until(() => isServed, () => "a connection is kept although nothing is awaited on it");
  assert.deepEqual([idle.ending, client.ending], ["end", "end"]);
});
