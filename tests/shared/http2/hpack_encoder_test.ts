import assert from "node:assert/strict";
import fc from "fast-check";
import { Fields } from "../../../shared/exchange/fields.ts";
import { HpackDecoder } from "../../../shared/http2/hpack_decoder.ts";
import { HpackEncoder } from "../../../shared/http2/hpack_encoder.ts";

const LIMITS = { maxHeadBytes: 1 << 20, maxFieldCount: 1000 };

function encode(encoder: HpackEncoder, pseudo: string[], fields: Fields | null = null): Uint8Array {
  const block = encoder.encode(pseudo, fields).slice();
  encoder.release();
  return block;
}

const name = fc.oneof(
  fc.constantFrom(
    "content-type",
    "server",
    "vary",
    "authorization",
    "x-request-id",
    "cache-control",
    "cookie",
  ),
  fc.stringMatching(/^[a-z][a-z0-9-]{0,20}$/),
);
const value = fc.oneof(
  fc.constantFrom("", "text/event-stream", "no-cache", "lowu"),
  fc.array(fc.nat(255), { maxLength: 200 }).map((codes) => String.fromCharCode(...codes)),
);
const section = fc.array(fc.tuple(name, value), { maxLength: 30 }).map((lines) => lines.flat());
const step = fc.oneof(
  { weight: 6, arbitrary: section },
  { weight: 1, arbitrary: fc.constantFrom(0, 40, 100, 1000, 4096, 65536) },
);

Deno.test("HpackEncoder.encode() is undone by HpackDecoder, over many blocks and table sizes", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const encoder = new HpackEncoder();
      const decoder = new HpackDecoder(LIMITS);
      for (const next of steps) {
        if (typeof next === "number") encoder.setPeerTableBytes(next);
        else assert.deepEqual(decoder.decode(encode(encoder, [], new Fields(next.slice()))).flat, next);
      }
    }),
    { numRuns: 200 },
  );
});

Deno.test("HpackEncoder.encode() sends a repeated answer head in one byte a line", () => {
  const encoder = new HpackEncoder();
  const head = [":status", "200", "content-type", "text/event-stream", "server", "lowu", "vary", "origin"];
  const first = encode(encoder, head);
  assert(first.length > 20);
  assert.equal(encode(encoder, head).length, 4);
});

Deno.test("HpackEncoder.encode() sends credentials never-indexed every time", () => {
  const encoder = new HpackEncoder();
  const decoder = new HpackDecoder(LIMITS);
  for (let i = 0; i < 3; i++) {
    const fields = new Fields(["authorization", "Bearer k", "x-api-key", "k", "set-cookie", "a=b"]);
    const decoded = decoder.decode(encode(encoder, [], fields));
    assert.deepEqual(decoded.neverIndexed, ["authorization", "x-api-key", "set-cookie"]);
    assert.equal(decoder.tableBytes, 0);
  }
});

Deno.test("HpackEncoder.encode() carries values longer than the largest slab", () => {
  const long = "\u00ff".repeat(70_000);
  const decoded = new HpackDecoder(LIMITS).decode(encode(new HpackEncoder(), ["x-long", long]));
  assert.deepEqual(decoded.flat, ["x-long", long]);
});
