import assert from "node:assert/strict";
import fc from "fast-check";
import { ConsumptionLedger } from "../../../edge/exchange/consumption_ledger.ts";

Deno.test("ConsumptionLedger frees exactly what was received, never early", () => {
  const step = fc.record({
    passed: fc.integer({ min: 0, max: 50 }),
    changed: fc.option(
      fc.record({ sent: fc.integer({ min: 1, max: 50 }), received: fc.integer({ min: 0, max: 50 }) }),
    ),
    consume: fc.integer({ min: 0, max: 80 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const ledger = new ConsumptionLedger();
      let sent = 0, received = 0, consumed = 0, freed = 0;
      for (const { passed, changed, consume } of steps) {
        ledger.passed(passed);
        sent += passed;
        received += passed;
        if (changed !== null) {
          ledger.changed(changed.sent, changed.received);
          sent += changed.sent;
          received += changed.received;
        }
        const part = Math.min(consume, sent - consumed);
        consumed += part;
        freed += ledger.consumed(part);
        assert.equal(ledger.outstandingBytes, sent - consumed);
        assert.ok(freed <= received);
      }
      freed += ledger.consumed(sent - consumed);
      assert.equal(freed, received);
    }),
    { numRuns: 300 },
  );
});
