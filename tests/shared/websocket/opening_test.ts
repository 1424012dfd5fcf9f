import assert from "node:assert/strict";
import {
  checkOpeningAnswer,
  writeOpeningAnswer,
  writeOpeningRefusal,
} from "../../../shared/websocket/opening_answer.ts";
import {
  type OpeningHead,
  OpeningHeadReader,
  WebSocketOpeningError,
} from "../../../shared/websocket/opening_head.ts";
import { acceptValue, isOpeningKey } from "../../../shared/websocket/opening_key.ts";
import { parseOpeningRequest, writeOpeningRequest } from "../../../shared/websocket/opening_request.ts";
import { textBytes } from "./websocket_transcript.ts";

/** RFC 6455 §1.3. */
const KEY = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
const REQUEST = {
  authority: "core.test:8443",
  path: "/lane?a=b",
  key: KEY,
  protocol: "one.1",
};

function headOf(bytes: Uint8Array): OpeningHead {
  const read = new OpeningHeadReader().receive(bytes);
  return read?.head ?? assert.fail("the head is not complete");
}

function requestOf(text: string) {
  return parseOpeningRequest(headOf(textBytes(text)));
}

/** The request that we write, with one line changed. */
function changed(from: string | RegExp, to: string): string {
  const text = new TextDecoder().decode(writeOpeningRequest(REQUEST));
  const result = text.replace(from, to);
  assert.notEqual(result, text);
  return result;
}

Deno.test("acceptValue() is the RFC's", () => {
  assert.equal(acceptValue(KEY), ACCEPT);
});

Deno.test("isOpeningKey() takes the base64 of sixteen bytes and nothing else", () => {
  assert.ok(isOpeningKey(KEY));
  assert.ok(isOpeningKey(new Uint8Array(16).fill(255).toBase64()));
  for (
    const other of [
      "",
      KEY.slice(0, -1),
      `${KEY}=`,
      `A${KEY}`,
      KEY.replace("Q==", "R=="),
      KEY.replace("d", "-"),
    ]
  ) {
    assert.ok(!isOpeningKey(other), other);
  }
});

Deno.test("parseOpeningRequest() reads what writeOpeningRequest() writes", () => {
  assert.deepEqual(parseOpeningRequest(headOf(writeOpeningRequest(REQUEST))), {
    method: "GET",
    path: "/lane?a=b",
    authority: "core.test:8443",
    upgrade: { key: KEY, protocols: ["one.1"] },
  });
});

Deno.test("parseOpeningRequest() reads what browsers and proxies make of it", () => {
  const { upgrade } = requestOf(
    "GET / HTTP/1.1\r\nX-Forwarded-For: 192.0.2.1\r\nHost: CORE.test\r\nConnection: keep-alive, Upgrade\r\n" +
      `upgrade: WebSocket\r\nSEC-WEBSOCKET-KEY:  ${KEY} \r\nSec-WebSocket-Version: 13\r\n` +
      "Sec-WebSocket-Protocol: two, one.1\r\nSec-WebSocket-Protocol: three\r\n" +
      "Sec-WebSocket-Extensions: permessage-deflate\r\nContent-Length: 0\r\n\r\n",
  );
  assert.deepEqual(upgrade, { key: KEY, protocols: ["two", "one.1", "three"] });
});

for (
  const [name, text] of [
    ["another method", changed("GET ", "POST ")],
    ["no upgrade", changed(/Upgrade: websocket\r\n/, "")],
    ["an upgrade to something else", changed("Upgrade: websocket", "Upgrade: h2c")],
    ["no connection option", changed("Connection: Upgrade", "Connection: keep-alive")],
    ["another version", changed("Version: 13", "Version: 8")],
    ["no key", changed(/Sec-WebSocket-Key: .*\r\n/, "")],
    ["a short key", changed(KEY, "dGhl")],
    ["two keys", changed("Sec-WebSocket-Version", `Sec-WebSocket-Key: ${KEY}\r\nSec-WebSocket-Version`)],
  ] as const
) {
  Deno.test(`parseOpeningRequest() sees no upgrade in a request with ${name}`, () => {
    assert.equal(requestOf(text).upgrade, null);
  });
}

for (
  const [name, text] of [
    ["no host", changed(/Host: .*\r\n/, "")],
    ["two hosts", changed("Host:", "Host: a.test\r\nHost:")],
    ["a host that is none", changed("core.test:8443", "core test")],
    ["HTTP/1.0", changed("HTTP/1.1", "HTTP/1.0")],
    ["HTTP/2.0", changed("HTTP/1.1", "HTTP/2.0")],
    ["two spaces", changed("GET ", "GET  ")],
    ["a fragment", changed("/lane?a=b", "/lane#a")],
    ["a method that is no token", changed("GET", "G(T")],
    ["a body", changed("Upgrade:", "Content-Length: 1\r\nUpgrade:")],
    ["a chunked body", changed("Upgrade:", "Transfer-Encoding: chunked\r\nUpgrade:")],
    ["a folded field", changed("Upgrade: websocket", "Upgrade:\r\n websocket")],
    ["a space before the colon", changed("Upgrade: websocket", "Upgrade : websocket")],
    ["a bare line feed", changed("\r\n", "\n")],
    ["an empty first line", `\r\n${changed("GET", "PUT")}`],
    ["a zero byte", changed("websocket", "web\0socket")],
    ["a head above the limit", changed("Upgrade:", `X: ${"x".repeat(8192)}\r\nUpgrade:`)],
    ["too many fields", changed("Upgrade:", `${"X: x\r\n".repeat(65)}Upgrade:`)],
    ["a target above the limit", changed("/lane", `/${"x".repeat(2048)}`)],
  ] as const
) {
  Deno.test(`parseOpeningRequest() refuses a request with ${name}`, () => {
    assert.throws(() => requestOf(text), WebSocketOpeningError);
  });
}

Deno.test("OpeningHeadReader gives the same head wherever it is split, and what lies behind it", () => {
  const bytes = textBytes(`${new TextDecoder().decode(writeOpeningRequest(REQUEST))}behind`);
  const headEnd = bytes.length - "behind".length;
  for (let at = 1; at < bytes.length; at++) {
    const reader = new OpeningHeadReader();
    const first = reader.receive(bytes.subarray(0, at));
    assert.equal(first === null, at < headEnd, `split at ${at}`);
    const read = first ?? reader.receive(bytes.subarray(at)) ?? assert.fail("not complete");
    assert.deepEqual(parseOpeningRequest(read.head).upgrade, { key: KEY, protocols: ["one.1"] });
    const restEnd = first === null ? bytes.length : at;
    assert.deepEqual(read.rest, bytes.subarray(headEnd, restEnd));
  }
});

Deno.test("checkOpeningAnswer() takes what writeOpeningAnswer() writes", () => {
  const agreement = { key: KEY, protocol: "one.1" };
  const answer = writeOpeningAnswer(agreement);
  checkOpeningAnswer(headOf(answer), agreement);
  assert.match(
    new TextDecoder().decode(answer),
    new RegExp(`Sec-WebSocket-Accept: ${ACCEPT.replace("+", "\\+")}\r\n`),
  );
});

for (
  const [name, from, to] of [
    ["another status", "101 Switching Protocols", "200 OK"],
    ["no status", "HTTP/1.1 101", "HTTP/1.1 abc"],
    ["another version", "HTTP/1.1", "HTTP/1.0"],
    ["another upgrade", "Upgrade: websocket", "Upgrade: h2c"],
    ["no connection option", "Connection: Upgrade", "Connection: close"],
    ["the answer to another key", ACCEPT, acceptValue("AAAAAAAAAAAAAAAAAAAAAA==")],
    ["no accept field", "Sec-WebSocket-Accept", "Sec-WebSocket-Except"],
    ["another protocol", "one.1", "one.2"],
    ["no protocol", "Sec-WebSocket-Protocol", "X-Protocol"],
    ["an extension", "Upgrade: w", "Sec-WebSocket-Extensions: permessage-deflate\r\nUpgrade: w"],
  ] as const
) {
  Deno.test(`checkOpeningAnswer() refuses an answer with ${name}`, () => {
    const agreement = { key: KEY, protocol: "one.1" };
    const text = new TextDecoder().decode(writeOpeningAnswer(agreement));
    const other = text.replace(from, to);
    assert.notEqual(other, text);
    assert.throws(() => checkOpeningAnswer(headOf(textBytes(other)), agreement), WebSocketOpeningError);
  });
}

Deno.test("writeOpeningRefusal() names the upgrade with 426, and has no body", () => {
  for (const status of [400, 404, 426] as const) {
    const { startLine, fields } = headOf(writeOpeningRefusal(status));
    assert.match(startLine, new RegExp(`^HTTP/1.1 ${status} `));
    assert.equal(fields.get("content-length"), "0");
    assert.equal(fields.get("upgrade"), status === 426 ? "websocket" : undefined);
  }
});
