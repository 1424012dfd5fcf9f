/** What the listeners' drivers do to a stream of the tunnel when its answer ends before its request. */
import assert from "node:assert/strict";
import type { ExchangeHandler } from "../../../shared/exchange/exchange.ts";
import { DEFAULT_HTTP1_LIMITS } from "../../../shared/http1/http1_limits.ts";
import { DEFAULT_HTTP2_LIMITS } from "../../../shared/http2/http2_limits.ts";
import { serveHttp2 } from "../../../shared/server/serve_http2.ts";
import { LiveHandler } from "../../support/live_exchange.ts";
import { answerHead, bytesOf } from "../../support/recorded_exchange.ts";
import { Http1Fixture, Tally } from "../server/http1_fixture.ts";
import { Http2Client } from "../server/http2_client.ts";
import { TunnelPair } from "./tunnel_pair.ts";

/** Leads what a listener takes straight into the tunnel. */
function into(pair: TunnelPair): ExchangeHandler {
  return (request, answer) => pair.client.open(request, answer) ?? assert.fail("the tunnel is full");
}

async function answerEarly(inner: LiveHandler): Promise<void> {
  const { answer } = await inner.request(0);
  answer.head(answerHead({ status: 413, contentLength: 5 }));
  answer.body(bytesOf("early"));
  answer.end(null);
}

Deno.test("an answer that ends before its request frees the stream once it is written: HTTP/1.1", async () => {
  const inner = new LiveHandler();
  await using pair = await TunnelPair.open({ handler: inner.handler });
  await using fixture = new Http1Fixture({ handler: into(pair) });
  const peer = await fixture.connect();
  await peer.send("POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 100\r\n\r\nbegun");
  await answerEarly(inner);
  await peer.until("early");
  const served = await inner.request(0);
  await served.until("abort client_left");
  await pair.untilNothingIsKept();
});

Deno.test("an answer that ends before its request frees the stream once it is written: HTTP/2", async () => {
  const inner = new LiveHandler();
  await using pair = await TunnelPair.open({ handler: inner.handler });
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const drain = new AbortController();
  const serving = listener.accept().then((connection) =>
    serveHttp2(connection, {
      handler: into(pair),
      scheme: "http",
      clientAddress: "127.0.0.1",
      newRequestId: () => "req_1",
      clock: () => performance.now(),
      http1: DEFAULT_HTTP1_LIMITS,
      http2: DEFAULT_HTTP2_LIMITS,
      observer: new Tally(),
      stallTimeoutMs: 60_000,
      signal: drain.signal,
    })
  );
  const client = await Http2Client.connect(listener.addr.port);
  const stream = client.request({ method: "POST", contentLength: null });
  await answerEarly(inner);
  await client.until(() => stream.owner?.isEnded === true);
  assert.equal(stream.owner?.body, "early");
  const served = await inner.request(0);
  await served.until("abort client_left");
  await pair.untilNothingIsKept();
  client.close();
  listener.close();
  await Promise.all([serving, client.done]);
});
