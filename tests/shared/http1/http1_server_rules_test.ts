import assert from "node:assert/strict";
import { ACCEPTED_REQUESTS, REFUSED_CHUNKS, REFUSED_REQUESTS } from "./server_vectors.ts";
import { bytesOf, cut, serverTranscript } from "./transcript.ts";

for (const [name, text] of Object.entries({ ...REFUSED_REQUESTS, ...REFUSED_CHUNKS })) {
  Deno.test(`Http1ServerCodec refuses: ${name}`, () => {
    const { lines } = serverTranscript([bytesOf(text)]);
    assert.equal(lines.at(-1), "refused invalid_request");
    assert.equal(lines.filter((line) => line.includes('"kind":"end"')).length, 0);
    const isChunk = name.startsWith("chunk: ");
    assert.equal(lines.filter((line) => line.includes('"kind":"request"')).length, isChunk ? 1 : 0);
  });
}

for (const [name, { text, requests }] of Object.entries(ACCEPTED_REQUESTS)) {
  Deno.test(`Http1ServerCodec takes: ${name}`, () => {
    const { lines } = serverTranscript([bytesOf(text)]);
    assert.equal(lines.filter((line) => line.includes('"kind":"request"')).length, requests);
    assert.equal(lines.filter((line) => line.includes('"kind":"end"')).length, requests);
    assert.ok(!lines.some((line) => line.startsWith("refused")));
  });
}

const ALL = {
  ...REFUSED_REQUESTS,
  ...REFUSED_CHUNKS,
  ...Object.fromEntries(Object.entries(ACCEPTED_REQUESTS).map(([name, { text }]) => [name, text])),
};

Deno.test("Http1ServerCodec gives the same events however the input is cut", () => {
  for (const [name, text] of Object.entries(ALL)) {
    const bytes = bytesOf(text);
    const whole = serverTranscript([bytes], { ends: true });
    const bytewise = serverTranscript(cut(bytes, 1), { ends: true });
    assert.deepEqual(bytewise.lines, whole.lines, name);
    assert.equal(bytewise.output, whole.output, name);
    const step = Math.max(1, Math.floor(bytes.length / 500));
    for (let at = 1; at < bytes.length; at += step) {
      const halves = serverTranscript([bytes.subarray(0, at), bytes.subarray(at)], { ends: true });
      assert.deepEqual(halves.lines, whole.lines, `${name} cut at ${at}`);
    }
  }
});

Deno.test("Http1ServerCodec completes no request before its last byte", () => {
  for (const [name, { text }] of Object.entries(ACCEPTED_REQUESTS)) {
    const bytes = bytesOf(text);
    const ends = serverTranscript([bytes]).lines.filter((line) => line.includes('"kind":"end"')).length;
    for (let length = 0; length < bytes.length; length++) {
      const { lines } = serverTranscript([bytes.subarray(0, length)], { ends: true });
      const seen = lines.filter((line) => line.includes('"kind":"end"')).length;
      assert.ok(seen < ends, `${name} cut to ${length}`);
      assert.equal(lines.at(-1), '{"kind":"left"}', `${name} cut to ${length}`);
    }
  }
});

Deno.test("Http1ServerCodec bounds what it keeps", () => {
  for (const [name, text] of Object.entries(ALL)) {
    assert.ok(serverTranscript(cut(bytesOf(text), 7)).maxHeldBytes <= 64 * 1024 + 8 * 1024, name);
  }
});
