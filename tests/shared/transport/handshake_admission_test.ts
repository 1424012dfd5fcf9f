import assert from "node:assert/strict";
import fc from "fast-check";
import { HandshakeAdmission } from "../../../shared/transport/handshake_admission.ts";
import { DEFAULT_LANE_LISTENER_LIMITS } from "../../../shared/transport/lane_connection.ts";

const LIMITS = {
  ...DEFAULT_LANE_LISTENER_LIMITS,
  handshakesPerSecond: 10,
  handshakeBurst: 5,
  maxHalfOpen: 3,
};

Deno.test("HandshakeAdmission.admit() allows a burst, then the rate", () => {
  const admission = new HandshakeAdmission({ ...LIMITS, maxHalfOpen: 100 }, 1_000);
  const admitted = (now: number, tries: number) =>
    Array.from({ length: tries }, () => admission.admit(now)).filter(Boolean).length;
  assert.equal(admitted(1_000, 20), 5);
  assert.equal(admitted(1_099, 20), 0);
  assert.equal(admitted(1_100, 20), 1);
  assert.equal(admitted(60_000, 20), 5);
});

Deno.test("HandshakeAdmission.admit() bounds half-open connections", () => {
  const admission = new HandshakeAdmission(LIMITS, 0);
  assert.deepEqual([1, 2, 3, 4].map(() => admission.admit(0)), [true, true, true, false]);
  admission.release();
  assert.ok(admission.admit(1_000));
  assert.equal(admission.halfOpen, 3);
});

Deno.test("HandshakeAdmission.admitAddress() bounds one address and forgets it", () => {
  const admission = new HandshakeAdmission({ ...LIMITS, maxHalfOpenPerAddress: 1 }, 0);
  assert.ok(admission.admitAddress("192.0.2.1"));
  assert.ok(!admission.admitAddress("192.0.2.1"));
  assert.ok(admission.admitAddress("192.0.2.2"));
  admission.releaseAddress("192.0.2.1");
  assert.ok(admission.admitAddress("192.0.2.1"));
});

Deno.test("HandshakeAdmission never admits more than burst plus rate, whatever the times", () => {
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 500 }), { maxLength: 300 }), (gaps) => {
      const admission = new HandshakeAdmission(LIMITS, 0);
      let [now, admitted] = [0, 0];
      for (const gap of gaps) {
        now += gap;
        if (!admission.admit(now)) continue;
        admitted++;
        admission.release();
      }
      assert.ok(admitted <= LIMITS.handshakeBurst + (now / 1000) * LIMITS.handshakesPerSecond + 1e-6);
    }),
    { numRuns: 200 },
  );
});
