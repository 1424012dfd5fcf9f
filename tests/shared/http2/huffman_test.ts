import assert from "node:assert/strict";
import fc from "fast-check";
import { huffmanDecode, huffmanEncode, huffmanLength } from "../../../shared/http2/huffman.ts";

const byteString = fc.array(fc.nat(255), { maxLength: 300 }).map((codes) => String.fromCharCode(...codes));

function encode(text: string): Uint8Array {
  const target = new Uint8Array(huffmanLength(text));
  huffmanEncode(text, target);
  return target;
}

Deno.test("huffmanEncode() writes the code of RFC 7541 Appendix C.4.1", () => {
  const expected = [0xf1, 0xe3, 0xc2, 0xe5, 0xf2, 0x3a, 0x6b, 0xa0, 0xab, 0x90, 0xf4, 0xff];
  assert.deepEqual([...encode("www.example.com")], expected);
});

Deno.test("huffmanDecode() undoes huffmanEncode() for every byte string", () => {
  fc.assert(fc.property(byteString, (text) => huffmanDecode(encode(text)) === text), { numRuns: 300 });
  for (let code = 0; code < 256; code++) {
    const text = String.fromCharCode(code).repeat(3);
    assert.equal(huffmanDecode(encode(text)), text);
  }
});

Deno.test("huffmanDecode() refuses EOS, long padding and padding that is not ones", () => {
  for (const bytes of [[0xff, 0xff, 0xff, 0xff], [0xff], [0x1f, 0xff], [0x18]]) {
    assert.throws(() => huffmanDecode(Uint8Array.from(bytes)), { name: "Http2Error", errorCode: 9 });
  }
});
