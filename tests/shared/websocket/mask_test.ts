import assert from "node:assert/strict";
import fc from "fast-check";
import { applyMask } from "../../../shared/websocket/mask.ts";

Deno.test("applyMask() XORs byte by byte, whatever the alignment, length and offset", () => {
  const input = fc.record({
    key: fc.uint8Array({ minLength: 4, maxLength: 4 }),
    bytes: fc.uint8Array({ maxLength: 70 }),
    before: fc.nat(9),
    offset: fc.nat(10),
  });
  fc.assert(
    fc.property(input, ({ key, bytes, before, offset }) => {
      const memory = new Uint8Array(before + bytes.length + 5).fill(0xaa);
      memory.set(bytes, before);
      applyMask(memory.subarray(before, before + bytes.length), key, offset);
      const expected = bytes.map((byte, index) => byte ^ (key[(offset + index) % 4] ?? 0));
      assert.deepEqual(memory.slice(before, before + bytes.length), expected);
      assert.ok(memory.subarray(0, before).every((byte) => byte === 0xaa), "before");
      assert.ok(memory.subarray(before + bytes.length).every((byte) => byte === 0xaa), "behind");
    }),
    { numRuns: 1_000 },
  );
});
