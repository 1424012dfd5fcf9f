import assert from "node:assert/strict";
import { readAnswerHead } from "../../../shared/http2/answer_head.ts";
import { readRequestHead } from "../../../shared/http2/request_head.ts";
import { readTrailers } from "../../../shared/http2/trailers.ts";
import { GET } from "./raw_frames.ts";

const OPTIONS = { streamId: 7, isEnd: false };
const MALFORMED = { name: "Http2Error", errorCode: 1, streamId: 7 };

/** GET with one pseudo-header changed (or left out: null), and lines behind. */
function request(changes: Record<string, string | null>, lines: string[] = []): string[] {
  const flat: string[] = [];
  for (let i = 0; i < GET.length; i += 2) {
    const name = GET[i] ?? "";
    const value = name in changes ? changes[name] : GET[i + 1];
    if (typeof value === "string") flat.push(name, value);
  }
  return [...flat, ...lines];
}

Deno.test("readRequestHead() gives the head as the exchange contract says", () => {
  const lines = ["host", "A.example", "cookie", "a=1", "accept", "*/*", "cookie", "b=2", "te", "trailers"];
  const head = readRequestHead(
    request({ ":authority": "A.Example" }, [...lines, "content-length", "12"]),
    OPTIONS,
  );
  assert.equal(head.authority, "a.example");
  assert.equal(head.contentLength, 12);
  assert.deepEqual([...head.fields], [["cookie", "a=1; b=2"], ["accept", "*/*"], ["te", "trailers"]]);
});

Deno.test("readRequestHead() takes the authority from host, and * with OPTIONS", () => {
  assert.equal(
    readRequestHead(request({ ":authority": null }, ["host", "b.example:8443"]), OPTIONS).authority,
    "b.example:8443",
  );
  assert.equal(readRequestHead(request({ ":method": "OPTIONS", ":path": "*" }), OPTIONS).path, "*");
});

Deno.test("readRequestHead() tells a client's wish for 100, and takes the field off", () => {
  const head = readRequestHead(request({}, ["expect", "100-continue"]), OPTIONS);
  assert.equal(head.expectsContinue, true);
  assert.equal(head.fields.size, 0);
});

const WRONG_REQUESTS: Record<string, string[]> = {
  "no method": request({ ":method": null }),
  "empty method": request({ ":method": "" }),
  "method with a space": request({ ":method": "GET /" }),
  "CONNECT": request({ ":method": "CONNECT", ":scheme": null, ":path": null }),
  "no scheme": request({ ":scheme": null }),
  "other scheme": request({ ":scheme": "ftp" }),
  "no path": request({ ":path": null }),
  "empty path": request({ ":path": "" }),
  "path without /": request({ ":path": "v1" }),
  "* with GET": request({ ":path": "*" }),
  "absolute path": request({ ":path": "http://a.example/" }),
  "path with CR LF": request({ ":path": "/ HTTP/1.1\r\nx: y" }),
  "path with a space": request({ ":path": "/a b" }),
  "path with NUL": request({ ":path": "/\0" }),
  "no authority": request({ ":authority": null }),
  "userinfo": request({ ":authority": "user@a.example" }),
  "authority with a path": request({ ":authority": "a.example/x" }),
  "authority and host differ": request({}, ["host", "b.example"]),
  "two hosts": request({}, ["host", "a.example", "host", "a.example"]),
  "path twice": [...request({}), ":path", "/"],
  "pseudo twice": [":path", "/", ...request({})],
  "pseudo behind fields": [...request({ ":path": null }, ["a", "b"]), ":path", "/"],
  "unknown pseudo": [":foo", "x", ...request({})],
  "status": [":status", "200", ...request({})],
  "upper case": request({}, ["Accept", "x"]),
  "empty name": request({}, ["", "x"]),
  "name with a space": request({}, ["a b", "x"]),
  "name with a colon": request({}, ["a:b", "x"]),
  "name with 0x80": request({}, ["a\u0080", "x"]),
  "CR in a value": request({}, ["a", "x\r"]),
  "LF in a value": request({}, ["a", "x\ny"]),
  "NUL in a value": request({}, ["a", "x\0y"]),
  "leading space": request({}, ["a", " x"]),
  "trailing tab": request({}, ["a", "x\t"]),
  "connection": request({}, ["connection", "close"]),
  "keep-alive": request({}, ["keep-alive", "1"]),
  "proxy-connection": request({}, ["proxy-connection", "x"]),
  "transfer-encoding": request({}, ["transfer-encoding", "chunked"]),
  "upgrade": request({}, ["upgrade", "h2c"]),
  "te other than trailers": request({}, ["te", "gzip"]),
  "bad length": request({}, ["content-length", "+1"]),
  "two lengths": request({}, ["content-length", "1", "content-length", "1"]),
  "list of lengths": request({}, ["content-length", "1, 1"]),
  "endless length": request({}, ["content-length", "9".repeat(30)]),
  "unknown expectation": request({}, ["expect", "lunch"]),
};

for (const [name, flat] of Object.entries(WRONG_REQUESTS)) {
  Deno.test(`readRequestHead() refuses: ${name}`, () => {
    assert.throws(() => readRequestHead(flat, OPTIONS), MALFORMED);
  });
}

Deno.test("readRequestHead() refuses a length without a body", () => {
  assert.throws(
    () => readRequestHead(request({}, ["content-length", "1"]), { streamId: 7, isEnd: true }),
    MALFORMED,
  );
  assert.equal(
    readRequestHead(request({}, ["content-length", "0"]), { streamId: 7, isEnd: true }).contentLength,
    0,
  );
});

Deno.test("readAnswerHead() refuses what is no answer", () => {
  const wrong = [[], [":status", "20"], [":status", "101"], [":status", "600"], ["a", "b"], [
    ":status",
    "200",
    ":status",
    "200",
  ]];
  for (const flat of wrong) assert.throws(() => readAnswerHead(flat, OPTIONS), MALFORMED, `${flat}`);
  assert.throws(() => readAnswerHead([":status", "103"], { streamId: 7, isEnd: true }), MALFORMED);
});

Deno.test("readTrailers() refuses pseudo-headers and what frames, routes or authenticates", () => {
  assert.deepEqual([...readTrailers(["grpc-status", "0"], 7) ?? []], [["grpc-status", "0"]]);
  assert.equal(readTrailers([], 7), null);
  for (
    const name of [":status", ":path", "content-length", "host", "authorization", "transfer-encoding", "te"]
  ) {
    assert.throws(() => readTrailers([name, "trailers"], 7), MALFORMED, name);
  }
});
