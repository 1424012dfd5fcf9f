import assert from "node:assert/strict";
import fc from "fast-check";
import { textOf, TextScript, WordScript } from "../../../../deploy/embedded_origin/model/script.ts";

Deno.test("WordScript says the same for the same hash and something else for another", () => {
  const text = (hash: number) => textOf(new WordScript(hash, { maxTokens: 100 }));
  assert.equal(text(7), text(7));
  assert.notEqual(text(7), text(8));
});

Deno.test("WordScript.jsonAt() is textAt() as JSON", () => {
  fc.assert(
    fc.property(fc.nat(), (hash) => {
      const script = new WordScript(hash, { maxTokens: 40 });
      for (let i = 0; i < script.tokenCount; i++) {
        assert.equal(JSON.parse(`"${new TextDecoder().decode(script.jsonAt(i))}"`), script.textAt(i));
      }
    }),
    { numRuns: 200 },
  );
});

Deno.test("WordScript ends where it is told to", () => {
  assert.equal(new WordScript(1, { maxTokens: 500, ignoreEnd: true }).tokenCount, 500);
  assert.equal(new WordScript(1, { maxTokens: 500, ignoreEnd: true }).finishReason, "length");
  assert.equal(new WordScript(1, { maxTokens: 3 }).finishReason, "length");
  const natural = new WordScript(1, { maxTokens: 500 });
  assert.equal(natural.finishReason, "stop");
  assert.ok(new WordScript(1, { maxTokens: 500, minTokens: 300 }).tokenCount === 300);
});

Deno.test("WordScript cuts the text before the first stop string", () => {
  fc.assert(
    fc.property(fc.nat(), fc.nat(200), fc.integer({ min: 1, max: 9 }), (hash, from, length) => {
      const whole = textOf(new WordScript(hash, { maxTokens: 40 }));
      const stop = whole.slice(from % whole.length, from % whole.length + length);
      const script = new WordScript(hash, { maxTokens: 40, stop: ["\u0000never", stop] });
      assert.equal(textOf(script), whole.slice(0, whole.indexOf(stop)));
      assert.equal(script.finishReason, "stop");
      assert.ok(script.tokenCount >= 1);
      assert.equal(
        JSON.parse(`"${new TextDecoder().decode(script.jsonAt(script.tokenCount - 1))}"`),
        script.textAt(script.tokenCount - 1),
      );
    }),
    { numRuns: 200 },
  );
});

Deno.test("TextScript gives a text in pieces and cuts it at the token limit", () => {
  const text = '{"city":"東京","note":"🚀🚀🚀 ok"}';
  assert.equal(textOf(new TextScript(text, 100)), text);
  const cut = new TextScript(text, 2);
  assert.equal(cut.tokenCount, 2);
  assert.equal(cut.finishReason, "length");
  assert.ok(text.startsWith(textOf(cut)));
});
