import assert from "node:assert/strict";
import { DEFAULT_HTTP1_LIMITS, type Http1Limits } from "../../../shared/http1/http1_limits.ts";
import { Http1ServerCodec } from "../../../shared/http1/http1_server_codec.ts";
import type { Http1RequestHead } from "../../../shared/http1/request_head.ts";
import { bytesOf, serverTranscript } from "./transcript.ts";

function headOf(text: string): Http1RequestHead {
  const codec = new Http1ServerCodec(DEFAULT_HTTP1_LIMITS, 0);
  codec.receive(bytesOf(text), 0);
  const event = codec.nextEvent();
  assert.ok(event?.kind === "request");
  return event.head;
}

function fieldsOf(lines: string): string[] {
  return [...headOf(`GET / HTTP/1.1\r\nHost: a\r\n${lines}\r\n`).fields].map((field) => field.join("="));
}

Deno.test("request head holds the canonical target", () => {
  const cases: [string, string, string, string][] = [
    ["GET /a/../b?c=%2F HTTP/1.1", "Api.Example.COM", "api.example.com", "/a/../b?c=%2F"],
    ["GET //x HTTP/1.1", "a.", "a", "//x"],
    ["GET http://A/x HTTP/1.1", "a", "a", "/x"],
    ["GET https://a:8443 HTTP/1.1", "A:8443", "a:8443", "/"],
    ["GET http://a?q HTTP/1.1", "a", "a", "/?q"],
    ["OPTIONS http://a HTTP/1.1", "a", "a", "*"],
    ["OPTIONS * HTTP/1.1", "[::1]:80", "[::1]:80", "*"],
  ];
  for (const [line, host, authority, path] of cases) {
    const head = headOf(`${line}\r\nHost: ${host}\r\n\r\n`);
    assert.equal(head.authority, authority);
    assert.equal(head.path, path);
  }
});

Deno.test("request head holds no field of the connection", () => {
  const lines =
    "Keep-Alive: 5\r\nProxy-Connection: x\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\nTE: gzip\r\nX: 1\r\n" +
    "Connection: upgrade, http2-settings, te\r\n";
  assert.deepEqual(fieldsOf(lines), ["x=1"]);
});

Deno.test("request head keeps te only for trailers", () => {
  assert.deepEqual(fieldsOf("TE: gzip;q=0.5,\t Trailers\r\nTE: trailers\r\nConnection: TE\r\n"), [
    "te=trailers",
  ]);
  assert.deepEqual(fieldsOf("TE: xtrailers\r\n"), []);
});

Deno.test("request head loses what connection names, but nothing that others decide by", () => {
  const lines =
    "Authorization: a\r\nX-Forwarded-For: b\r\nContent-Type: c\r\nCookie: d\r\nX-Api-Key: e\r\nX-Hop: f\r\n" +
    "Connection: authorization, X-Forwarded-For, content-type\r\n" +
    "Connection: , cookie,x-api-key, host, content-length, x-hop,x-none\r\n";
  const kept = ["authorization=a", "x-forwarded-for=b", "content-type=c", "cookie=d", "x-api-key=e"];
  assert.deepEqual(fieldsOf(lines), kept);
});

Deno.test("request head cannot lose its framing by connection", () => {
  const text = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nConnection: content-length, expect\r\n" +
    "Expect: 100-continue\r\n\r\n";
  const head = headOf(text);
  assert.equal(head.contentLength, 3);
  assert.equal(head.expectsContinue, true);
});

Deno.test("request head keeps order, doubles, empty values and high bytes", () => {
  const kept = ["x=1", "y=", "x=2", "z=\x80\x9f\xff a\tb"];
  assert.deepEqual(fieldsOf("X: 1\r\nY:\r\nX:2\r\nZ:\t \x80\x9f\xff a\tb \t\r\n"), kept);
});

Deno.test("Http1ServerCodec keeps its limits, whole or byte by byte", () => {
  const line = "GET / HTTP/1.1\r\nHost: a\r\n";
  const chunked = `POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n`;
  const cases: [Partial<Http1Limits>, (excess: number) => string, string][] = [
    [
      { maxHeadBytes: 100 },
      (excess) => `${line}X: ${"x".repeat(100 - line.length - 7 + excess)}\r\n\r\n`,
      "head_too_large",
    ],
    [{ maxFieldCount: 3 }, (excess) => `${line}${"X: x\r\n".repeat(2 + excess)}\r\n`, "head_too_large"],
    [
      { maxTargetBytes: 9 },
      (excess) => `GET /${"x".repeat(8 + excess)} HTTP/1.1\r\nHost: a\r\n\r\n`,
      "head_too_large",
    ],
    [
      { maxTrailerBytes: 9 },
      (excess) => `${chunked}0\r\nX: ${"x".repeat(2 + excess)}\r\n\r\n`,
      "head_too_large",
    ],
    [
      { maxChunkLineBytes: 9 },
      (excess) => `${chunked}1;${"x".repeat(7 + excess)}\r\na\r\n0\r\n\r\n`,
      "invalid_request",
    ],
  ];
  for (const [limits, textOf, code] of cases) {
    for (const size of [1, 1e6]) {
      for (const excess of [0, 1]) {
        const text = textOf(excess);
        const pieces = Array.from(
          { length: Math.ceil(text.length / size) },
          (_, i) => bytesOf(text.slice(i * size, (i + 1) * size)),
        );
        const isRefused = serverTranscript(pieces, { limits }).lines.includes(`refused ${code}`);
        assert.equal(isRefused, excess === 1, `${JSON.stringify(limits)} ${size} ${excess}`);
      }
    }
  }
});
