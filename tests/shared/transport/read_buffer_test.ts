import assert from "node:assert/strict";
import { LARGEST_SLAB_BYTES, slabsInUse } from "../../../shared/buffers/slab_pool.ts";
import { ReadBuffer } from "../../../shared/transport/read_buffer.ts";

Deno.test("ReadBuffer is small until a read fills it, then large, then small again", () => {
  const buffer = new ReadBuffer();
  const quiet = buffer.bytes.length;
  assert.ok(quiet <= 1024);
  buffer.read(quiet - 1);
  assert.equal(buffer.bytes.length, quiet);
  for (let reads = 0; buffer.bytes.length < LARGEST_SLAB_BYTES; reads++) {
    assert.ok(reads < 3);
    buffer.read(buffer.bytes.length);
  }
  buffer.read(LARGEST_SLAB_BYTES);
  buffer.read(LARGEST_SLAB_BYTES / 2);
  assert.equal(buffer.bytes.length, LARGEST_SLAB_BYTES);
  buffer.read(100);
  assert.equal(buffer.bytes.length, quiet);
  buffer.release();
});

Deno.test("ReadBuffer holds one slab until release()", () => {
  const before = slabsInUse();
  const buffer = new ReadBuffer();
  for (const length of [1024, 16_384, 65_536, 1, 1024, 3]) {
    buffer.read(length);
    assert.equal(slabsInUse(), before + 1);
  }
  buffer.release();
  assert.equal(slabsInUse(), before);
});
