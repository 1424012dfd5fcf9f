import assert from "node:assert/strict";
import { HpackDecoder } from "../../../shared/http2/hpack_decoder.ts";

const LIMITS = { maxHeadBytes: 64 * 1024, maxFieldCount: 100 };

function hex(text: string): Uint8Array {
  return Uint8Array.from(text.replaceAll(/\s/g, "").match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

const REQUESTS = [
  [":method", "GET", ":scheme", "http", ":path", "/", ":authority", "www.example.com"],
  [
    ...[":method", "GET", ":scheme", "http", ":path", "/", ":authority", "www.example.com"],
    ...["cache-control", "no-cache"],
  ],
  [
    ...[":method", "GET", ":scheme", "https", ":path", "/index.html", ":authority", "www.example.com"],
    ...["custom-key", "custom-value"],
  ],
];
const ANSWERS = [
  [
    ...[":status", "302", "cache-control", "private", "date", "Mon, 21 Oct 2013 20:13:21 GMT"],
    ...["location", "https://www.example.com"],
  ],
];

/** RFC 7541 Appendix C: section, blocks, what they decode to, size of the table behind the last. */
const VECTORS: { name: string; blocks: string[]; decoded: string[][]; tableBytes: number }[] = [
  {
    name: "C.2.1 literal with indexing",
    blocks: ["400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572"],
    decoded: [["custom-key", "custom-header"]],
    tableBytes: 55,
  },
  {
    name: "C.2.2 literal without indexing",
    blocks: ["040c 2f73 616d 706c 652f 7061 7468"],
    decoded: [[":path", "/sample/path"]],
    tableBytes: 0,
  },
  {
    name: "C.2.3 literal never indexed",
    blocks: ["1008 7061 7373 776f 7264 0673 6563 7265 74"],
    decoded: [["password", "secret"]],
    tableBytes: 0,
  },
  { name: "C.2.4 indexed", blocks: ["82"], decoded: [[":method", "GET"]], tableBytes: 0 },
  {
    name: "C.3 requests without Huffman",
    blocks: [
      "8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
      "8286 84be 5808 6e6f 2d63 6163 6865",
      "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65",
    ],
    decoded: REQUESTS,
    tableBytes: 164,
  },
  {
    name: "C.4 requests with Huffman",
    blocks: [
      "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff",
      "8286 84be 5886 a8eb 1064 9cbf",
      "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf",
    ],
    decoded: REQUESTS,
    tableBytes: 164,
  },
  {
    name: "C.5.1 answer without Huffman",
    blocks: [
      "4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3120 474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
    ],
    decoded: ANSWERS,
    tableBytes: 222,
  },
  {
    name: "C.6.1 answer with Huffman",
    blocks: [
      "4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3",
    ],
    decoded: ANSWERS,
    tableBytes: 222,
  },
];

for (const vector of VECTORS) {
  Deno.test(`HpackDecoder.decode() reads RFC 7541 ${vector.name}`, () => {
    const decoder = new HpackDecoder(LIMITS);
    const decoded = vector.blocks.map((block) => decoder.decode(hex(block)).flat);
    assert.deepEqual(decoded, vector.decoded);
    assert.equal(decoder.tableBytes, vector.tableBytes);
  });

  Deno.test(`HpackDecoder.decode() takes ${vector.name} cut at any byte for shorter or refuses it`, () => {
    const block = hex(vector.blocks[0] ?? "");
    for (let length = 0; length < block.length; length++) {
      const decoder = new HpackDecoder(LIMITS);
      let lines = -1;
      try {
        lines = decoder.decode(block.subarray(0, length)).flat.length;
      } catch (error) {
        assert.equal((error as { errorCode?: number }).errorCode, 9);
      }
      assert(lines < (vector.decoded[0]?.length ?? 0));
    }
  });
}

Deno.test("HpackDecoder.decode() tells which names no hop may index", () => {
  const decoded = new HpackDecoder(LIMITS).decode(hex("1008 7061 7373 776f 7264 0673 6563 7265 74 82"));
  assert.deepEqual(decoded.neverIndexed, ["password"]);
});

Deno.test("HpackDecoder.decode() refuses what RFC 7541 forbids", () => {
  const wrong = {
    "index 0": "80",
    "index beyond the table": "be",
    "literal name beyond the table": "7f 00 01 61",
    "size update above the setting": "3f e2 1f",
    "size update behind a line": "82 20",
    "third size update": "20 20 20",
    "integer without an end": "ff ff ff ff ff ff ff ff",
    "string past the block": "40 05 61",
  };
  for (const [name, block] of Object.entries(wrong)) {
    assert.throws(
      () => new HpackDecoder(LIMITS).decode(hex(block)),
      { name: "Http2Error", errorCode: 9 },
      name,
    );
  }
});

Deno.test("HpackDecoder.decode() empties its table when told, and goes on", () => {
  const decoder = new HpackDecoder(LIMITS);
  decoder.decode(hex("400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572"));
  assert.equal(decoder.tableBytes, 55);
  decoder.decode(hex("20 3f e1 1f 82"));
  assert.equal(decoder.tableBytes, 0);
});

/** One entry of 3,800 bytes, then references to it. */
function bomb(references: number): Uint8Array {
  const value = new Uint8Array(3800).fill(0x61);
  const entry = [0x40, 0x01, 0x78, 0x7f, ...lengthBytes(value.length - 127), ...value];
  return Uint8Array.from([...entry, ...new Array(references).fill(0xbe)]);
}

function lengthBytes(value: number): number[] {
  return value < 128 ? [value] : [0x80 | (value & 0x7f), ...lengthBytes(value >> 7)];
}

Deno.test("HpackDecoder.decode() keeps nothing beyond the limit, and the table stays right", () => {
  const decoder = new HpackDecoder(LIMITS);
  const decoded = decoder.decode(bomb(50));
  assert.equal(decoded.isTooLarge, true);
  assert(decoded.flat.length / 2 * 3833 <= LIMITS.maxHeadBytes);
  assert.equal(decoder.decode(hex("be")).flat[0], "x");
});

Deno.test("HpackDecoder.decode() ends the connection for a bomb", () => {
  const decoder = new HpackDecoder(LIMITS);
  assert.throws(() => decoder.decode(bomb(10_000)), { name: "Http2Error", errorCode: 0xb, streamId: 0 });
});

Deno.test("HpackDecoder.decode() counts cookie crumbs by bytes and not by number", () => {
  const crumb = [0x00, 0x06, ...new TextEncoder().encode("cookie"), 0x01, 0x61];
  const crumbs = (count: number) => Uint8Array.from(new Array(count).fill(crumb).flat());
  assert.equal(new HpackDecoder(LIMITS).decode(crumbs(500)).isTooLarge, false);
  assert.equal(new HpackDecoder(LIMITS).decode(crumbs(2000)).isTooLarge, true);
});
