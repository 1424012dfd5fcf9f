import assert from "node:assert/strict";
import fc from "fast-check";
import { MAX_HEAD_BYTES } from "../../../shared/tunnel/frame_type.ts";
import { ReceiveWindow } from "../../../shared/tunnel/receive_window.ts";
import { DEFAULT_SESSION_LIMITS } from "../../../shared/tunnel/session_limits.ts";

Deno.test("ReceiveWindow.consume() raises the limit in steps of half a window or more", () => {
  const window = new ReceiveWindow(100);
  assert.equal(window.limit, 100);
  assert.equal(window.consume(49), null);
  assert.equal(window.consume(1), 150);
  assert.equal(window.consume(49), null);
  assert.equal(window.consume(11), 210);
});

Deno.test("ReceiveWindow never grants more than a window beyond what is consumed, nor less than half", () => {
  const steps = fc.array(fc.integer({ min: 0, max: 120 }), { maxLength: 50 });
  fc.assert(
    fc.property(steps, (units) => {
      const window = new ReceiveWindow(100);
      for (const step of units) {
        window.consume(Math.min(step, window.limit - window.consumedUnits));
        const granted = window.limit - window.consumedUnits;
        assert.ok(granted <= 100 && granted > 50);
      }
    }),
    { numRuns: 300 },
  );
});

Deno.test("DEFAULT_SESSION_LIMITS leave room for the largest head when everything is consumed", () => {
  const window = new ReceiveWindow(DEFAULT_SESSION_LIMITS.windowUnits);
  window.consume(DEFAULT_SESSION_LIMITS.windowUnits / 2 - 1);
  assert.ok(window.limit - window.consumedUnits >= MAX_HEAD_BYTES + 1);
});
