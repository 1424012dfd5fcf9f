import assert from "node:assert/strict";
import fc from "fast-check";
import { STREAM_DATA, STREAM_END } from "../../../shared/tunnel/frame_type.ts";
import { SendHold } from "../../../shared/tunnel/send_hold.ts";

Deno.test("SendHold gives back the bytes in order, and counts them", () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant("add" as const), length: fc.integer({ min: 1, max: 5_000 }) }),
    fc.record({ kind: fc.constant("remove" as const), length: fc.integer({ min: 1, max: 3_000 }) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const hold = new SendHold();
      let added = 0;
      let removed = 0;
      for (const { kind, length } of steps) {
        if (kind === "add") {
          const bytes = Uint8Array.from({ length }, (_, index) => (added + index) % 251);
          hold.add(STREAM_DATA, bytes);
          bytes.fill(0);
          added += length;
        } else {
          const taken = Math.min(length, hold.firstBytes);
          hold.peekFirst(taken).forEach((byte, index) => assert.equal(byte, (removed + index) % 251));
          hold.removeFirst(taken);
          removed += taken;
        }
        assert.equal(hold.heldBytes, added - removed);
        assert.equal(hold.heldDataBytes, added - removed);
        assert.equal(hold.isEmpty, added === removed);
      }
    }),
    { numRuns: 200 },
  );
});

Deno.test("SendHold keeps an end behind data, even an empty one", () => {
  const hold = new SendHold();
  hold.add(STREAM_DATA, Uint8Array.of(1));
  hold.add(STREAM_END, new Uint8Array(0));
  assert.equal(hold.firstType, STREAM_DATA);
  hold.removeFirst(1);
  assert.equal(hold.firstType, STREAM_END);
  assert.equal(hold.isEmpty, false);
  hold.removeFirst(0);
  assert.equal(hold.isEmpty, true);
});

Deno.test("SendHold wipes what it lets go", () => {
  const hold = new SendHold();
  hold.add(STREAM_DATA, Uint8Array.of(1, 2, 3, 4));
  const view = hold.peekFirst(4);
  hold.removeFirst(2);
  assert.deepEqual([...view], [0, 0, 3, 4]);
  hold.clear();
  assert.deepEqual([...view], [0, 0, 0, 0]);
  assert.equal(hold.heldBytes, 0);
});
