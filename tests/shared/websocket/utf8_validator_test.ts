import assert from "node:assert/strict";
import fc from "fast-check";
import { Utf8Validator } from "../../../shared/websocket/utf8_validator.ts";

/** As the runtime's decoder judges. */
function isUtf8(bytes: Uint8Array, { stream }: { stream: boolean }): boolean {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes, { stream });
    return true;
  } catch (error) {
    assert.ok(error instanceof TypeError);
    return false;
  }
}

function assertAgrees(bytes: Uint8Array): void {
  const validator = new Utf8Validator();
  for (const [index, byte] of bytes.entries()) {
    const isPossible = validator.push(Uint8Array.of(byte));
    const soFar = bytes.subarray(0, index + 1);
    assert.equal(isPossible, isUtf8(soFar, { stream: true }), `bytes ${soFar}`);
    if (!isPossible) return;
    assert.equal(validator.isWhole, isUtf8(soFar, { stream: false }), `bytes ${soFar}`);
  }
}

Deno.test("Utf8Validator judges every two bytes, and what follows the narrow ones, as the decoder does", () => {
  for (let first = 0; first < 256; first++) {
    for (let second = 0; second < 256; second++) {
      assertAgrees(Uint8Array.of(first, second));
      if (first >= 0xe0) assertAgrees(Uint8Array.of(first, second, 0x80, 0xbf, 0x41));
    }
  }
});

Deno.test("Utf8Validator judges texts, broken anywhere, as the decoder does", () => {
  const input = fc.record({
    text: fc.string({ unit: "binary", maxLength: 20 }),
    at: fc.nat(80),
    byte: fc.integer({ min: 0, max: 255 }),
  });
  fc.assert(
    fc.property(input, ({ text, at, byte }) => {
      const bytes = new TextEncoder().encode(text);
      assertAgrees(bytes);
      if (bytes.length === 0) return;
      bytes[at % bytes.length] = byte;
      assertAgrees(bytes);
    }),
    { numRuns: 500 },
  );
});
