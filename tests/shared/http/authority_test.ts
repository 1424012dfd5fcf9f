import assert from "node:assert/strict";
import { canonicalAuthority } from "../../../shared/http/authority.ts";

Deno.test("canonicalAuthority() takes names and addresses with an optional port", () => {
  const cases: [string, string][] = [
    ["Example.COM", "example.com"],
    ["a.b.", "a.b"],
    ["a.b.:80", "a.b:80"],
    ["my_service:65535", "my_service:65535"],
    ["127.0.0.1:1", "127.0.0.1:1"],
    ["[::]", "[::]"],
    ["[FE80::1]:443", "[fe80::1]:443"],
    ["[1:2:3:4:5:6:7:8]", "[1:2:3:4:5:6:7:8]"],
    ["[::ffff:1.2.3.4]", "[::ffff:1.2.3.4]"],
  ];
  for (const [text, canonical] of cases) assert.equal(canonicalAuthority(text), canonical, text);
});

Deno.test("canonicalAuthority() refuses everything else", () => {
  const cases = [
    ...["", ".", "..", ".a", "a..b", "a..", ":80", "a:", "a:0", "a:080", "a:65536", "a:-1", "a:8x", "a:1:2"],
    ...[
      "a b",
      "a,b",
      "a/b",
      "a?b",
      "a#b",
      "a@b",
      "u:p@a",
      "a%20b",
      "a\\b",
      "a\tb",
      "\xe9",
      "a\0",
      "a\n",
      " a",
      "a ",
    ],
    ...[
      "[]",
      "[:]",
      "[:::]",
      "[1::2::3]",
      "[1:2:3:4:5:6:7]",
      "[1:2:3:4:5:6:7:8:9]",
      "[12345::]",
      "[::1",
      "::1",
      "[::1]x",
    ],
    ...[
      "[fe80::1%eth0]",
      "[v1.a]",
      "[::1.2.3.256]",
      "[1.2.3.4]",
      "[::1:]",
      "[1::2:3:4:5:6:7:8]",
      "a".repeat(256),
    ],
  ];
  for (const text of cases) assert.equal(canonicalAuthority(text), null, JSON.stringify(text));
});
