import assert from "node:assert/strict";
import fc from "fast-check";
import {
  momentUs,
  newTokenEvent,
  stampToken,
  TOKEN_EVENT_BYTES,
  TokenScanner,
} from "../../../bench/origin/token_event.ts";

function tokenBytes(sentUs: number, number = 0): Uint8Array {
  const bytes = newTokenEvent();
  stampToken(bytes, 0, { sentUs, number });
  return bytes;
}

Deno.test("newTokenEvent() is one server-sent event whose data is JSON", () => {
  const sentUs = momentUs();
  const text = new TextDecoder().decode(tokenBytes(sentUs, 42));
  assert.equal(text.length, TOKEN_EVENT_BYTES);
  assert.ok(text.startsWith("data: ") && text.endsWith("\n\n"));
  assert.equal(JSON.parse(text.slice("data: ".length)).sent, `~${sentUs}00000042`);
});

Deno.test("TokenScanner.scan() finds every stamp however the bytes are cut, between comments too", () => {
  const stamp = fc.tuple(fc.integer({ min: 1e15, max: 9e15 }), fc.integer({ min: 0, max: 99_999_999 }));
  fc.assert(
    fc.property(
      fc.array(stamp, { minLength: 1, maxLength: 8 }),
      fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1 }),
      (stamps, cuts) => {
        const comment = new TextEncoder().encode(": still here\n\n");
        const stream = new Uint8Array(
          stamps.flatMap(([sentUs, number]) => [...comment, ...tokenBytes(sentUs, number)]),
        );
        const scanner = new TokenScanner();
        const found: [sentUs: number, number: number][] = [];
        for (let at = 0, cut = 0; at < stream.length; cut++) {
          const length = cuts[cut % cuts.length] ?? 1;
          scanner.scan(stream.subarray(at, at + length), (...token) => found.push(token));
          at += length;
        }
        assert.deepEqual(found, stamps);
      },
    ),
    { numRuns: 200 },
  );
});
