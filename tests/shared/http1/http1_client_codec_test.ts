import assert from "node:assert/strict";
import type { RequestHead } from "../../../shared/exchange/exchange.ts";
import { Fields } from "../../../shared/exchange/fields.ts";
import { Http1ClientCodec } from "../../../shared/http1/http1_client_codec.ts";
import { DEFAULT_HTTP1_LIMITS } from "../../../shared/http1/http1_limits.ts";
import { GOOD_ANSWERS, MALFORMED_ANSWERS, UNFRAMED_ANSWERS } from "./client_vectors.ts";
import { bytesOf, clientTranscript, cut, takeText } from "./transcript.ts";

function requestHead(parts: Partial<RequestHead> = {}): RequestHead {
  return {
    context: { id: "1", kind: "client", clientAddress: "192.0.2.1", protocol: "internal" },
    method: "GET",
    scheme: "http",
    authority: "origin:80",
    path: "/v1/models",
    fields: new Fields(),
    contentLength: 0,
    ...parts,
  };
}

/** A codec whose request is sent. */
function asking(parts: Partial<RequestHead> = {}): Http1ClientCodec {
  const codec = new Http1ClientCodec(DEFAULT_HTTP1_LIMITS);
  codec.sendRequest(requestHead(parts));
  codec.sendEnd(null);
  takeText(codec);
  return codec;
}

function kinds(codec: Http1ClientCodec, text?: string): string[] {
  if (text !== undefined) codec.receive(bytesOf(text), 0);
  const seen: string[] = [];
  for (let event = codec.nextEvent(); event !== null; event = codec.nextEvent()) {
    seen.push(event.kind === "broken" ? event.error.code : event.kind);
  }
  return seen;
}

for (const [name, text] of Object.entries(MALFORMED_ANSWERS)) {
  Deno.test(`Http1ClientCodec refuses: ${name}`, () => {
    const { lines, isClosed } = clientTranscript([bytesOf(text)], { ends: true });
    assert.equal(lines.at(-1), "broken origin_protocol");
    assert.ok(!lines.some((line) => line.includes('"kind":"end"')));
    assert.equal(isClosed, true);
  });
}

Deno.test("Http1ClientCodec gives the same events however the input is cut", () => {
  for (const [name, text] of Object.entries({ ...MALFORMED_ANSWERS, ...GOOD_ANSWERS, ...UNFRAMED_ANSWERS })) {
    const bytes = bytesOf(text);
    const whole = clientTranscript([bytes], { ends: true }).lines;
    assert.deepEqual(clientTranscript(cut(bytes, 1), { ends: true }).lines, whole, name);
    for (let at = 1; at < bytes.length; at++) {
      const halves = [bytes.subarray(0, at), bytes.subarray(at)];
      assert.deepEqual(clientTranscript(halves, { ends: true }).lines, whole, `${name} cut at ${at}`);
    }
  }
});

Deno.test("Http1ClientCodec ends a framed answer at its last byte and no earlier", () => {
  for (const [name, text] of Object.entries(GOOD_ANSWERS)) {
    const bytes = bytesOf(text);
    const whole = clientTranscript([bytes]);
    assert.ok(whole.lines.at(-1)?.startsWith('{"kind":"end"'), name);
    assert.equal(whole.isClosed, false);
    for (let length = 0; length < bytes.length; length++) {
      const { lines, isClosed } = clientTranscript([bytes.subarray(0, length)], { ends: true });
      assert.equal(lines.at(-1), "broken origin_cut", `${name} cut to ${length}`);
      assert.equal(isClosed, true);
    }
  }
});

Deno.test("Http1ClientCodec ends an unframed answer with the connection only", () => {
  for (const text of Object.values(UNFRAMED_ANSWERS)) {
    assert.ok(!clientTranscript([bytesOf(text)]).lines.some((line) => line.includes('"kind":"end"')));
    const { lines, isClosed } = clientTranscript([bytesOf(text)], { ends: true });
    assert.ok(lines.includes('body "hello"'));
    assert.ok(lines.at(-1)?.startsWith('{"kind":"end"'));
    assert.equal(isClosed, true);
  }
});

Deno.test("sendRequest() frames by length or by chunks and says te again", () => {
  const codec = new Http1ClientCodec(DEFAULT_HTTP1_LIMITS);
  codec.sendRequest(
    requestHead({ fields: new Fields(["te", "trailers", "content-length", "7", "x", "\xff"]) }),
  );
  codec.sendEnd(null);
  assert.equal(
    takeText(codec),
    "GET /v1/models HTTP/1.1\r\nhost: origin:80\r\nte: trailers\r\nconnection: te\r\nx: \xff\r\n\r\n",
  );
  const empty = new Http1ClientCodec(DEFAULT_HTTP1_LIMITS);
  empty.sendRequest(requestHead({ method: "POST" }));
  assert.match(takeText(empty), /\r\ncontent-length: 0\r\n/);
  const known = new Http1ClientCodec(DEFAULT_HTTP1_LIMITS);
  known.sendRequest(requestHead({ method: "POST", contentLength: 2 }));
  known.sendBody(bytesOf("hi"));
  known.sendEnd(null);
  assert.match(takeText(known), /\r\ncontent-length: 2\r\n\r\nhi$/);
  const unknown = new Http1ClientCodec(DEFAULT_HTTP1_LIMITS);
  unknown.sendRequest(requestHead({ method: "POST", contentLength: null }));
  unknown.sendBody(bytesOf("hi"));
  unknown.sendEnd(new Fields(["x-sum", "1"]));
  assert.match(takeText(unknown), /\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nx-sum: 1\r\n\r\n$/);
});

Deno.test("sendRequest() never writes a malformed line", () => {
  for (
    const bad of [{ method: "G T" }, { path: "/a b" }, { path: "/\r\nX: y" }, { path: "" }, {
      authority: "a\r\nb",
    }]
  ) {
    const codec = new Http1ClientCodec(DEFAULT_HTTP1_LIMITS);
    assert.throws(() => codec.sendRequest(requestHead(bad)), /malformed request/);
    assert.equal(codec.takeOutput(), null);
  }
});

Deno.test("isReusable after both messages are complete, and over many exchanges", () => {
  const codec = new Http1ClientCodec(DEFAULT_HTTP1_LIMITS);
  assert.equal(codec.isReusable, true);
  for (let i = 0; i < 3; i++) {
    codec.sendRequest(requestHead());
    assert.equal(codec.isReusable, false);
    codec.sendEnd(null);
    assert.deepEqual(kinds(codec, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na"), ["head", "body", "end"]);
    assert.equal(codec.isReusable, true);
  }
});

Deno.test("isReusable is false after close, HTTP/1.0, stray bytes, the end, or an answer before the request's end", () => {
  const close = asking();
  kinds(close, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
  const old = asking();
  kinds(old, "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n");
  const behind = asking();
  assert.deepEqual(kinds(behind, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"), [
    "head",
    "end",
  ]);
  const bodyless = asking();
  assert.deepEqual(kinds(bodyless, "HTTP/1.1 204 No\r\nContent-Length: 2\r\n\r\nhi"), ["head", "end"]);
  const later = asking();
  kinds(later, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  assert.deepEqual(kinds(later, "x"), []);
  const ended = asking();
  kinds(ended, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  ended.receiveEnd(0);
  assert.deepEqual(kinds(ended), []);
  const early = new Http1ClientCodec(DEFAULT_HTTP1_LIMITS);
  early.sendRequest(requestHead({ method: "POST", contentLength: 9 }));
  kinds(early, "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n");
  early.sendBody(bytesOf("123456789"));
  early.sendEnd(null);
  for (const codec of [close, old, behind, bodyless, later, ended, early]) {
    assert.equal(codec.isReusable, false);
  }
  assert.throws(() => close.sendRequest(requestHead()), /in use or spent/);
});

Deno.test("sendBody() and sendEnd() are ignored once the exchange is broken", () => {
  const codec = new Http1ClientCodec(DEFAULT_HTTP1_LIMITS);
  codec.sendRequest(requestHead({ method: "POST", contentLength: 9 }));
  takeText(codec);
  assert.deepEqual(kinds(codec, "nonsense\r\n\r\n"), ["origin_protocol"]);
  codec.sendBody(bytesOf("x"));
  codec.sendEnd(null);
  assert.equal(codec.takeOutput(), null);
});

Deno.test("nextEvent() gives answers without a body their announced length", () => {
  for (
    const [method, text, length] of [
      ["HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", 5],
      ["HEAD", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", null],
      ["HEAD", "HTTP/1.1 200 OK\r\n\r\n", null],
      ["GET", "HTTP/1.1 304 Not Modified\r\n\r\n", null],
      ["GET", "HTTP/1.1 204 No Content\r\n\r\n", 0],
    ] as const
  ) {
    const codec = asking({ method });
    codec.receive(bytesOf(text), 0);
    const event = codec.nextEvent();
    assert.ok(event?.kind === "head");
    assert.equal(event.head.contentLength, length);
    assert.deepEqual(kinds(codec), ["end"]);
    assert.equal(codec.isReusable, true);
  }
});
