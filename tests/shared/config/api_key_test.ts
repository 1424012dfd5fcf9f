import assert from "node:assert/strict";
import { API_KEY_HASH_PATTERN, generateApiKey, hashApiKey } from "../../../shared/config/api_key.ts";

Deno.test("generateApiKey() gives a new key of 256 bits each time", () => {
  const keys = new Set(Array.from({ length: 100 }, generateApiKey));
  assert.equal(keys.size, 100);
  for (const key of keys) assert.match(key, /^sk-lowu-[A-Za-z0-9_-]{43}$/);
});

Deno.test("hashApiKey() is SHA-256 in hexadecimal", () => {
  // FIPS 180-4's example "abc".
  const digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
  assert.equal(hashApiKey("abc"), `sha256:${digest}`);
  assert.match(hashApiKey(generateApiKey()), API_KEY_HASH_PATTERN);
});
