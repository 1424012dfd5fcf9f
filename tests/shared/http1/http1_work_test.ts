import assert from "node:assert/strict";
import { Fields } from "../../../shared/exchange/fields.ts";
import { Http1ClientCodec } from "../../../shared/http1/http1_client_codec.ts";
import { DEFAULT_HTTP1_LIMITS } from "../../../shared/http1/http1_limits.ts";
import { Http1ServerCodec } from "../../../shared/http1/http1_server_codec.ts";
import { bytesOf, cut } from "./transcript.ts";
import { countWork } from "./work_counter.ts";

/** One look for the line end, one copy, one or two more for the doubling of the buffer, one decode. */
const WORK_PER_BYTE = 6;

const LONG_LINES = "x: " + "y".repeat(30_000) + "\r\n";
const SHORT_LINES = "x: y\r\n".repeat(90);
const CHUNKS = "1;x\r\na\r\n".repeat(5_000) + "0\r\n" + "x: y\r\n".repeat(90) + "\r\n";

Deno.test("countWork() sees work that grows with the square", () => {
  const bytes = new Uint8Array(1000);
  assert.ok(
    countWork(() => {
      for (let i = 0; i < 1000; i++) bytes.subarray(0, i).indexOf(1);
    }) > 400_000,
  );
});

Deno.test("Http1ServerCodec works in proportion to its input, byte by byte too", () => {
  const head = "POST / HTTP/1.1\r\nhost: a\r\n";
  for (
    const text of [
      `${head}${LONG_LINES}${LONG_LINES}\r\n`,
      `${head}${SHORT_LINES}\r\n`,
      `${head}transfer-encoding: chunked\r\n\r\n${CHUNKS}`,
      `${head}x: ${"y".repeat(60_000)}`,
    ]
  ) {
    for (const size of [1, 2, 100, 1e6]) {
      const pieces = cut(bytesOf(text), size);
      const work = countWork(() => {
        const codec = new Http1ServerCodec(DEFAULT_HTTP1_LIMITS, 0);
        for (const piece of pieces) {
          codec.receive(piece, 0);
          while (codec.nextEvent() !== null);
        }
      });
      assert.ok(
        work <= WORK_PER_BYTE * text.length + 4096,
        `${work} for ${text.length} in pieces of ${size}`,
      );
    }
  }
});

Deno.test("Http1ClientCodec works in proportion to its input, byte by byte too", () => {
  for (
    const text of [
      `HTTP/1.1 200 OK\r\n${LONG_LINES}content-length: 0\r\n\r\n`,
      `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n${CHUNKS}`,
    ]
  ) {
    for (const size of [1, 3, 1e6]) {
      const pieces = cut(bytesOf(text), size);
      const work = countWork(() => {
        const codec = new Http1ClientCodec(DEFAULT_HTTP1_LIMITS);
        codec.sendRequest({
          context: { id: "1", kind: "client", clientAddress: "192.0.2.1", protocol: "internal" },
          ...{ method: "GET", scheme: "http", authority: "a", path: "/", contentLength: 0 },
          fields: new Fields(),
        });
        for (const piece of pieces) {
          codec.receive(piece, 0);
          while (codec.nextEvent() !== null);
        }
      });
      assert.ok(
        work <= WORK_PER_BYTE * text.length + 4096,
        `${work} for ${text.length} in pieces of ${size}`,
      );
    }
  }
});
