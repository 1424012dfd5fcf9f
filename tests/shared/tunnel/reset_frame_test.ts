import assert from "node:assert/strict";
import { RESET } from "../../../shared/tunnel/frame_type.ts";
import { MAX_RESET_CODE, readResetFrame, writeResetFrame } from "../../../shared/tunnel/reset_frame.ts";
import { cutPayloads, encodeFrame, overlongPayload, splitOne } from "./encode_frame.ts";

function encode(frame: { streamId: number; code: number }): Uint8Array {
  return encodeFrame((writer) => writeResetFrame(writer, frame));
}

Deno.test("readResetFrame() gives back what writeResetFrame() wrote", () => {
  assert.deepEqual([...encode({ streamId: 1, code: 21 })], [0x05, 0x02, 0x01, 0x15]);
  for (const frame of [{ streamId: 1, code: 1 }, { streamId: 2 ** 40, code: MAX_RESET_CODE }]) {
    const { type, payload } = splitOne(encode(frame));
    assert.equal(type, RESET);
    assert.deepEqual(readResetFrame(payload), frame);
  }
});

Deno.test("readResetFrame() refuses a frame cut at any byte, one too long, and codes out of range", () => {
  const bytes = encode({ streamId: 700, code: 70_000 });
  for (const payload of [...cutPayloads(bytes), overlongPayload(bytes)]) {
    assert.throws(() => readResetFrame(payload), { code: "frame_encoding" });
  }
  for (const code of [0, MAX_RESET_CODE + 1]) {
    const { payload } = splitOne(encode({ streamId: 1, code }));
    assert.throws(() => readResetFrame(payload), { code: "frame_encoding" });
  }
});
