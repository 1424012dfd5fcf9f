import assert from "node:assert/strict";
import fc from "fast-check";
import { ConnectionAdmission } from "../../../shared/server/connection_admission.ts";

Deno.test("ConnectionAdmission counts as a plain list does", () => {
  const limits = { maxConnections: 6, maxConnectionsPerAddress: 3 };
  const step = fc.record({
    address: fc.constantFrom("192.0.2.1", "192.0.2.2", "192.0.2.3"),
    opens: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const admission = new ConnectionAdmission(limits);
      const open: string[] = [];
      for (const { address, opens } of steps) {
        if (opens) {
          const expected = open.length >= 6
            ? "connection_limit"
            : open.filter((one) => one === address).length >= 3
            ? "address_limit"
            : null;
          assert.equal(admission.admit(address), expected);
          if (expected === null) open.push(address);
        } else if (open.includes(address)) {
          open.splice(open.indexOf(address), 1);
          admission.release(address);
        }
        assert.equal(admission.open, open.length);
      }
    }),
    { numRuns: 300 },
  );
});

Deno.test("ConnectionAdmission counts an IPv6 /64 as one client", () => {
  const admission = new ConnectionAdmission({ maxConnections: 10, maxConnectionsPerAddress: 1 });
  assert.equal(admission.admit("2001:db8::1"), null);
  assert.equal(admission.admit("2001:db8::2"), "address_limit");
  assert.equal(admission.admit("2001:db8:0:1::2"), null);
  admission.release("2001:db8::1");
  assert.equal(admission.admit("2001:db8::2"), null);
  assert.throws(() => admission.release("192.0.2.1"), /released twice/);
});
