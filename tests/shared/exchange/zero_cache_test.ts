import assert from "node:assert/strict";
import { Fields } from "../../../shared/exchange/fields.ts";
import { forbidAnswerCaching, stripRequestCaching } from "../../../shared/exchange/zero_cache.ts";

Deno.test("stripRequestCaching() does what the design says, however often", () => {
  const fields = new Fields([
    ...["cache-control", "max-age=60", "pragma", "x", "if-modified-since", "x", "if-none-match", "x"],
    ...["cache-control", "twice", "accept", "*/*", "x-real-time", "false", "if-match", "kept"],
  ]);
  for (let i = 0; i < 2; i++) {
    stripRequestCaching(fields);
    assert.deepEqual([...fields], [["accept", "*/*"], ["if-match", "kept"], ["x-real-time", "true"]]);
  }
});

Deno.test("forbidAnswerCaching() does what the design says, however often", () => {
  const fields = new Fields([
    ...["cache-control", "public", "expires", "x", "etag", "x", "pragma", "public"],
    ...["etag", "twice", "content-type", "a/b", "last-modified", "kept"],
  ]);
  for (let i = 0; i < 2; i++) {
    forbidAnswerCaching(fields);
    assert.deepEqual([...fields], [
      ["content-type", "a/b"],
      ["last-modified", "kept"],
      ["cache-control", "no-store, no-cache, must-revalidate"],
      ["pragma", "no-cache"],
    ]);
  }
});
