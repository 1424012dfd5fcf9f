import assert from "node:assert/strict";
import fc from "fast-check";
import { JsonModelScanner } from "../../../core/routing/json_model_scanner.ts";
import { multipartBoundary, MultipartModelScanner } from "../../../core/routing/multipart_model_scanner.ts";
import type { ModelScanner } from "../../../core/routing/model_peek.ts";
import { bytesOf } from "../../support/recorded_exchange.ts";

/** The scan's answer with the input cut at every boundary in turn: all must agree. */
function scanAllSplits(make: () => ModelScanner, bytes: Uint8Array): string | null {
  const results = new Set<string | null>();
  for (let cut = 0; cut <= bytes.length; cut++) {
    const scanner = make();
    scanner.receive(bytes.subarray(0, cut));
    scanner.receive(bytes.subarray(cut));
    const scan = scanner.end();
    results.add(scan.state === "found" ? scan.model : null);
  }
  assert.equal(results.size, 1, `splits disagree: ${[...results].join(", ")}`);
  return [...results][0] ?? null;
}

const json = (text: string) => scanAllSplits(() => new JsonModelScanner(), bytesOf(text));

Deno.test("JsonModelScanner finds the top-level model wherever it stands", () => {
  assert.equal(json('{"model":"a"}'), "a");
  assert.equal(json('{"messages":[{"model":"no","content":"\\"model\\":\\"no\\""}],"model" : "gpt"}'), "gpt");
  assert.equal(json('{"x":{"model":"no"},"y":[[{"model":"no"}]],"n":-1.5e3,"t":true,"model":"yes"}'), "yes");
  assert.equal(json('{"mod\\u0065l":"escaped key"}'), "escaped key");
  assert.equal(json('{"model":"\\u6a21\\u578b 模型"}'), "模型 模型");
});

Deno.test("JsonModelScanner finds nothing where there is no string model", () => {
  const without = [
    "{}",
    "",
    "[]",
    '"model"',
    "7",
    '{"model":7}',
    '{"model":null}',
    '{"model":{"model":"x"}}',
    '{"a":"model","b":"x"}',
    '{"model',
  ];
  for (const text of without) assert.equal(json(text), null, text);
});

Deno.test("JsonModelScanner keeps no more than a model's length", () => {
  assert.equal(json(`{"model":"${"x".repeat(257)}"}`), null);
  assert.equal(json(`{"${"k".repeat(10_000)}":1,"model":"ok"}`), "ok");
});

Deno.test("JsonModelScanner agrees with JSON.parse on any object", () => {
  fc.assert(
    fc.property(
      fc.dictionary(fc.oneof(fc.string(), fc.constant("messages")), fc.jsonValue()),
      fc.string({ minLength: 1, maxLength: 40 }),
      fc.nat(),
      (object, model, at) => {
        const entries = Object.entries(object).filter(([key]) => key !== "model");
        entries.splice(at % (entries.length + 1), 0, ["model", model]);
        const text = `{${
          entries.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`).join(",")
        }}`;
        const scanner = new JsonModelScanner();
        scanner.receive(bytesOf(text));
        assert.deepEqual(scanner.end(), { state: "found", model });
      },
    ),
    { numRuns: 300 },
  );
});

function multipart(parts: [head: string, value: string][], boundary = "XyZ"): Uint8Array {
  return bytesOf(
    parts.map(([head, value]) => `--${boundary}\r\n${head}\r\n\r\n${value}\r\n`).join("") +
      `--${boundary}--\r\n`,
  );
}

const form = (parts: [string, string][]) =>
  scanAllSplits(() => new MultipartModelScanner("XyZ"), multipart(parts));

Deno.test("MultipartModelScanner finds the model before and behind a file", () => {
  const file: [string, string] = [
    'Content-Disposition: form-data; name="file"; filename="a.wav"\r\nContent-Type: audio/wav',
    "\r\n--Xy\r\r\n--XyY\u0000binary",
  ];
  const model: [string, string] = ['Content-Disposition: form-data; name="model"', "whisper-1"];
  assert.equal(form([file, model]), "whisper-1");
  assert.equal(form([model, file]), "whisper-1");
  assert.equal(form([["Content-Disposition: form-data; name=model", "bare"]]), "bare");
});

Deno.test("MultipartModelScanner takes no file and no empty field for the model", () => {
  assert.equal(form([['Content-Disposition: form-data; name="model"; filename="x"', "no"]]), null);
  assert.equal(form([['Content-Disposition: form-data; name="model"', ""]]), null);
  assert.equal(form([['Content-Disposition: form-data; name="models"', "no"]]), null);
  assert.equal(form([]), null);
});

Deno.test("MultipartModelScanner bounds what it keeps", () => {
  const scanner = new MultipartModelScanner("XyZ");
  scanner.receive(bytesOf("--XyZ\r\nA: "));
  assert.equal(scanner.receive(new Uint8Array(9000).fill(0x61)).state, "absent");
});

Deno.test("multipartBoundary() reads quoted and bare boundaries", () => {
  assert.equal(multipartBoundary("multipart/form-data; boundary=abc"), "abc");
  assert.equal(multipartBoundary('Multipart/Form-Data; charset=utf-8; boundary="a b"'), "a b");
  assert.equal(multipartBoundary("application/json"), null);
});
