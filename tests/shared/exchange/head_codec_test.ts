import assert from "node:assert/strict";
import fc from "fast-check";
import type { RequestHead } from "../../../shared/exchange/exchange.ts";
import { Fields } from "../../../shared/exchange/fields.ts";
import {
  decodeAnswerHead,
  decodeRequestHead,
  decodeTrailers,
  encodeAnswerHead,
  encodeRequestHead,
  encodeTrailers,
  HeadCodecError,
} from "../../../shared/exchange/head_codec.ts";
import { requestHead } from "../../support/recorded_exchange.ts";

const byteString = fc.array(fc.integer({ min: 0, max: 255 }), { maxLength: 300 }).map((codes) =>
  String.fromCharCode(...codes)
);
const fields = fc.array(byteString, { maxLength: 20 }).map((flat) =>
  new Fields(flat.length % 2 === 0 ? flat : flat.slice(1))
);
const length = fc.option(fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER - 1 }));

function plain(head: RequestHead) {
  return { ...head, fields: [...head.fields] };
}

Deno.test("encodeRequestHead() and decodeRequestHead() are each other's inverse", () => {
  fc.assert(
    fc.property(byteString, byteString, fields, length, (path, authority, someFields, contentLength) => {
      const head = requestHead({ path, authority, fields: someFields, contentLength });
      assert.deepEqual(plain(decodeRequestHead(encodeRequestHead(head))), plain(head));
    }),
    { numRuns: 200 },
  );
});

Deno.test("encodeAnswerHead() and decodeAnswerHead() are each other's inverse", () => {
  fc.assert(
    fc.property(fc.integer({ min: 100, max: 599 }), fields, length, (status, someFields, contentLength) => {
      const decoded = decodeAnswerHead(encodeAnswerHead({ status, fields: someFields, contentLength }));
      assert.deepEqual({ ...decoded, fields: [...decoded.fields] }, {
        status,
        fields: [...someFields],
        contentLength,
      });
    }),
    { numRuns: 200 },
  );
});

Deno.test("decodeTrailers() reads no bytes as no trailers", () => {
  assert.equal(decodeTrailers(encodeTrailers(null)), null);
  assert.deepEqual([...decodeTrailers(encodeTrailers(new Fields(["grpc-status", "0"]))) ?? []], [[
    "grpc-status",
    "0",
  ]]);
});

Deno.test("decodeRequestHead() refuses a head cut at any byte and bytes behind it", () => {
  const bytes = encodeRequestHead(requestHead({ contentLength: 70_000 }));
  for (let cut = 0; cut < bytes.length; cut++) {
    assert.throws(() => decodeRequestHead(bytes.subarray(0, cut)), HeadCodecError, `cut at ${cut}`);
  }
  assert.throws(() => decodeRequestHead(Uint8Array.of(...bytes, 0)), HeadCodecError);
});

Deno.test("decoders throw nothing but HeadCodecError whatever comes", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      for (const decode of [decodeRequestHead, decodeAnswerHead, decodeTrailers]) {
        try {
          decode(bytes);
        } catch (error) {
          assert.ok(error instanceof HeadCodecError, String(error));
        }
      }
    }),
    { numRuns: 2000 },
  );
});
