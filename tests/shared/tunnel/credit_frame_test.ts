import assert from "node:assert/strict";
import { readCreditFrame, writeCreditFrame } from "../../../shared/tunnel/credit_frame.ts";
import { CREDIT } from "../../../shared/tunnel/frame_type.ts";
import { cutPayloads, encodeFrame, overlongPayload, splitOne } from "./encode_frame.ts";

function encode(frame: { streamId: number; limit: number }): Uint8Array {
  return encodeFrame((writer) => writeCreditFrame(writer, frame));
}

Deno.test("readCreditFrame() gives back what writeCreditFrame() wrote", () => {
  assert.deepEqual([...encode({ streamId: 3, limit: 0x100 })], [0x06, 0x03, 0x03, 0x41, 0x00]);
  for (const frame of [{ streamId: 1, limit: 0 }, { streamId: 2 ** 40, limit: Number.MAX_SAFE_INTEGER }]) {
    const { type, payload } = splitOne(encode(frame));
    assert.equal(type, CREDIT);
    assert.deepEqual(readCreditFrame(payload), frame);
  }
});

Deno.test("readCreditFrame() refuses a frame cut at any byte, and one too long", () => {
  const bytes = encode({ streamId: 700, limit: 524_288 });
  for (const payload of [...cutPayloads(bytes), overlongPayload(bytes)]) {
    assert.throws(() => readCreditFrame(payload), { code: "frame_encoding" });
  }
});
