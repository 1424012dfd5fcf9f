import assert from "node:assert/strict";
import { readCloseFrame, writeCloseFrame } from "../../../shared/tunnel/close_frame.ts";
import { CLOSE } from "../../../shared/tunnel/frame_type.ts";
import { cutPayloads, encodeFrame, overlongPayload, splitOne } from "./encode_frame.ts";

function encode(code: number): Uint8Array {
  return encodeFrame((writer) => writeCloseFrame(writer, code));
}

Deno.test("readCloseFrame() gives back what writeCloseFrame() wrote", () => {
  assert.deepEqual([...encode(8)], [0x23, 0x01, 0x08]);
  for (const code of [0, 12, 2 ** 40]) {
    const { type, payload } = splitOne(encode(code));
    assert.equal(type, CLOSE);
    assert.equal(readCloseFrame(payload), code);
  }
});

Deno.test("readCloseFrame() refuses a frame cut at any byte, and one too long", () => {
  for (const payload of [...cutPayloads(encode(700)), overlongPayload(encode(700))]) {
    assert.throws(() => readCloseFrame(payload), { code: "frame_encoding" });
  }
});
