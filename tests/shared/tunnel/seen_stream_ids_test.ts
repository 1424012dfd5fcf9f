import assert from "node:assert/strict";
import fc from "fast-check";
import { SeenStreamIds } from "../../../shared/tunnel/seen_stream_ids.ts";

Deno.test("SeenStreamIds knows the same ids as a set", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 60 }), { maxLength: 120 }), (ids) => {
      const seen = new SeenStreamIds(100);
      const model = new Set<number>();
      for (const id of ids) {
        seen.add(id);
        model.add(id);
        let floor = 0;
        while (model.has(floor + 1)) floor++;
        assert.equal(seen.floor, floor);
        assert.equal(seen.highest, Math.max(...model));
        for (let other = 1; other <= 61; other++) assert.equal(seen.has(other), model.has(other));
      }
      const sorted = [...model].filter((id) => id > seen.floor).sort((left, right) => left - right);
      assert.equal(seen.runCount, sorted.filter((id, index) => sorted[index - 1] !== id - 1).length);
    }),
    { numRuns: 300 },
  );
});

Deno.test("SeenStreamIds.add() refuses more gaps than it may keep", () => {
  const seen = new SeenStreamIds(2);
  seen.add(3);
  seen.add(5);
  assert.throws(() => seen.add(7), { code: "id_gaps" });
});
