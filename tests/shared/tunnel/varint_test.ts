import assert from "node:assert/strict";
import fc from "fast-check";
import { FrameReader, varintSize } from "../../../shared/tunnel/varint.ts";
import { encodeFrame } from "./encode_frame.ts";

function readerOf(bytes: Uint8Array, end = bytes.length): FrameReader {
  const reader = new FrameReader();
  reader.reset(bytes, { start: 0, end });
  return reader;
}

Deno.test("FrameReader.varint() reads the examples of RFC 9000 A.1", () => {
  assert.equal(readerOf(Uint8Array.of(0x9d, 0x7f, 0x3e, 0x7d)).varint(), 494_878_333);
  assert.equal(readerOf(Uint8Array.of(0x7b, 0xbd)).varint(), 15_293);
  assert.equal(readerOf(Uint8Array.of(0x25)).varint(), 37);
  assert.equal(readerOf(Uint8Array.of(0x40, 0x25)).varint(), 37);
});

Deno.test("FrameReader.varint() refuses what JavaScript cannot count", () => {
  assert.equal(readerOf(Uint8Array.of(0xc2, 0x19, 0x7c, 0x5e, 0xff, 0x14, 0xe8, 0x8c)).varint(), -1);
  assert.equal(readerOf(new Uint8Array(8).fill(0xff)).varint(), -1);
});

Deno.test("FrameReader.varint() gives back what FrameWriter.varint() wrote, and -1 for every cut", () => {
  const values = fc.oneof(
    fc.maxSafeNat(),
    fc.constantFrom(0, 63, 64, 16_383, 16_384, 2 ** 30 - 1, 2 ** 30, 2 ** 32, Number.MAX_SAFE_INTEGER),
  );
  fc.assert(
    fc.property(values, (value) => {
      const bytes = encodeFrame((writer) => writer.varint(value));
      assert.equal(bytes.length, varintSize(value));
      assert.equal(readerOf(bytes).varint(), value);
      for (let end = 0; end < bytes.length; end++) assert.equal(readerOf(bytes, end).varint(), -1);
    }),
    { numRuns: 500 },
  );
});

Deno.test("FrameReader.fixed64() gives back what FrameWriter.fixed64() wrote", () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), (value) => {
      const bytes = encodeFrame((writer) => writer.fixed64(value));
      assert.equal(bytes.length, 8);
      assert.equal(readerOf(bytes).fixed64(), value);
      assert.equal(readerOf(bytes, 7).fixed64(), -1);
    }),
    { numRuns: 200 },
  );
});

Deno.test("FrameReader.split() gives a part of its own and goes on behind it", () => {
  const reader = readerOf(Uint8Array.of(1, 2, 3, 4));
  const part = new FrameReader();
  assert.equal(reader.split(part, 3), true);
  assert.equal(part.varint(), 1);
  assert.deepEqual([...part.rest()], [2, 3]);
  assert.equal(part.varint(), -1, "a part ends where it ends");
  assert.equal(reader.remaining, 1);
  assert.equal(reader.varint(), 4);
  assert.equal(reader.split(part, 0), true);
  assert.equal(part.remaining, 0);
});

Deno.test("FrameReader.split() refuses more than is left, and a length that could not be read", () => {
  const reader = readerOf(Uint8Array.of(1, 2, 3), 2);
  const part = readerOf(Uint8Array.of(9));
  for (const length of [3, -1, Number.MAX_SAFE_INTEGER]) assert.equal(reader.split(part, length), false);
  assert.equal(reader.remaining, 2);
  assert.equal(part.varint(), 9, "untouched");
});
