import assert from "node:assert/strict";
import fc from "fast-check";
import {
  momentUs,
  newTokenEvent,
  stampToken,
  TOKEN_EVENT_BYTES,
  TokenScanner,
} from "../../../bench/origin/token_event.ts";

function tokenBytes(sentUs: number): Uint8Array {
  const bytes = newTokenEvent();
  stampToken(bytes, 0, sentUs);
  return bytes;
}

Deno.test("newTokenEvent() is one server-sent event whose data is JSON", () => {
  const sentUs = momentUs();
  const text = new TextDecoder().decode(tokenBytes(sentUs));
  assert.equal(text.length, TOKEN_EVENT_BYTES);
  assert.ok(text.startsWith("data: ") && text.endsWith("\n\n"));
  assert.equal(JSON.parse(text.slice("data: ".length)).sent, `~${sentUs}`);
});

Deno.test("TokenScanner.scan() finds every moment however the bytes are cut, between comments too", () => {
  const moment = fc.integer({ min: 1e15, max: 9e15 });
  fc.assert(
    fc.property(
      fc.array(moment, { minLength: 1, maxLength: 8 }),
      fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1 }),
      (moments, cuts) => {
        const comment = new TextEncoder().encode(": still here\n\n");
        const stream = new Uint8Array(moments.flatMap((sentUs) => [...comment, ...tokenBytes(sentUs)]));
        const scanner = new TokenScanner();
        const found: number[] = [];
        for (let at = 0, cut = 0; at < stream.length; cut++) {
          const length = cuts[cut % cuts.length] ?? 1;
          scanner.scan(stream.subarray(at, at + length), (sentUs) => found.push(sentUs));
          at += length;
        }
        assert.deepEqual(found, moments);
      },
    ),
    { numRuns: 200 },
  );
});
