import assert from "node:assert/strict";
import { answeredProbe, versionProbe } from "../../../deploy/doctor/version_probe.ts";

const KEY = 0xc0ffee01;

/** What a server sends back (RFC 8999 §6): version 0, the ids exchanged, its versions. */
function negotiation(probe: Uint8Array): Uint8Array {
  return Uint8Array.from([
    0xda,
    0,
    0,
    0,
    0,
    8,
    ...probe.subarray(15, 23),
    8,
    ...probe.subarray(6, 14),
    0,
    0,
    0,
    1,
  ]);
}

Deno.test("versionProbe() is a long packet of a reserved version that fills a first packet", () => {
  const probe = versionProbe(7, KEY);
  assert.equal(probe.length, 1200);
  assert.deepEqual([...probe.subarray(0, 6)], [0xc0, 0x1a, 0x2a, 0x3a, 0x4a, 8]);
  for (const byte of probe.subarray(1, 5)) assert.equal(byte & 0x0f, 0x0a);
});

Deno.test("answeredProbe() reads the number back", () => {
  for (const number of [0, 1, 499, 2 ** 32 - 1]) {
    assert.equal(answeredProbe(negotiation(versionProbe(number, KEY)), KEY), number);
  }
});

Deno.test("answeredProbe() takes no answer of another key, no other packet, and none that is cut", () => {
  const answer = negotiation(versionProbe(3, KEY));
  assert.equal(answeredProbe(answer, KEY + 1), null);
  assert.equal(answeredProbe(versionProbe(3, KEY), KEY), null);
  assert.equal(answeredProbe(answer.with(0, 0x40), KEY), null);
  assert.equal(answeredProbe(answer.with(5, 4), KEY), null);
  for (let length = 0; length < 14; length++) {
    assert.equal(answeredProbe(answer.subarray(0, length), KEY), null);
  }
});
