import assert from "node:assert/strict";
import { type OriginRequest, OriginRequestReader } from "../../../bench/origin/origin_request.ts";

const encoder = new TextEncoder();
const REQUESTS = encoder.encode(
  'POST /tokens?interval=40&count=5&prompt HTTP/1.1\r\nhost: o\r\nContent-Length: 11\r\n\r\n{"a":\r\n\r\n1}' +
    "GET /reply HTTP/1.1\r\nhost: o\r\n\r\n" +
    "GET /else HTTP/1.1\r\nhost: o\r\n\r\n",
);
const EXPECTED: OriginRequest[] = [
  { kind: "tokens", intervalMs: 40, count: 5, isPrompt: true },
  { kind: "reply" },
  { kind: "unknown" },
];

Deno.test("OriginRequestReader.receive() reads the same requests at every cut", () => {
  for (let cut = 0; cut <= REQUESTS.length; cut++) {
    const reader = new OriginRequestReader();
    const asked: OriginRequest[] = [];
    reader.receive(REQUESTS.subarray(0, cut), (request) => asked.push(request));
    reader.receive(REQUESTS.subarray(cut), (request) => asked.push(request));
    assert.deepEqual(asked, EXPECTED, `cut at ${cut}`);
  }
});

Deno.test("OriginRequestReader.receive() refuses what it cannot frame", () => {
  const receive = (text: string) => () => new OriginRequestReader().receive(encoder.encode(text), () => {});
  assert.throws(receive("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"), RangeError);
  assert.throws(receive(`GET /${"x".repeat(20_000)}`), RangeError);
});
