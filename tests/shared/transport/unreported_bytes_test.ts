import assert from "node:assert/strict";
import fc from "fast-check";
import { UnreportedBytes } from "../../../shared/transport/unreported_bytes.ts";

Deno.test("UnreportedBytes.written() reports nothing that may still wait, and all of it in the end", () => {
  const step = fc.record({
    framing: fc.nat(20),
    body: fc.nat(1000),
    written: fc.double({ min: 0, max: 1, noNaN: true }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 50 }), (steps) => {
      const unreported = new UnreportedBytes();
      // Waiting output in order, as runs of bytes that are body or framing.
      const waiting: { isBody: boolean; bytes: number }[] = [];
      let left = 0;
      let reported = 0;
      let queued = 0;
      for (const { framing, body, written } of steps) {
        waiting.push({ isBody: false, bytes: framing }, { isBody: true, bytes: body });
        unreported.queued(body);
        queued += body;
        let toWrite = Math.floor(waiting.reduce((sum, { bytes }) => sum + bytes, 0) * written);
        for (const run of waiting) {
          const taken = Math.min(run.bytes, toWrite);
          run.bytes -= taken;
          toWrite -= taken;
          if (run.isBody) left += taken;
        }
        reported += unreported.written(waiting.reduce((sum, { bytes }) => sum + bytes, 0));
        assert.ok(reported <= left, `${reported} bytes were reported when ${left} had left`);
      }
      assert.equal(reported + unreported.forget(), queued);
      assert.equal(unreported.forget(), 0);
    }),
    { numRuns: 300 },
  );
});
