import assert from "node:assert/strict";
import { GOAWAY } from "../../../shared/tunnel/frame_type.ts";
import { readGoawayFrame, writeGoawayFrame } from "../../../shared/tunnel/goaway_frame.ts";
import { cutPayloads, encodeFrame, overlongPayload, splitOne } from "./encode_frame.ts";

function encode(frame: { lastStreamId: number; reason: number }): Uint8Array {
  return encodeFrame((writer) => writeGoawayFrame(writer, frame));
}

Deno.test("readGoawayFrame() gives back what writeGoawayFrame() wrote", () => {
  assert.deepEqual([...encode({ lastStreamId: 9, reason: 2 })], [0x07, 0x02, 0x09, 0x02]);
  for (const frame of [{ lastStreamId: 0, reason: 0 }, { lastStreamId: 2 ** 50, reason: 41 }]) {
    const { type, payload } = splitOne(encode(frame));
    assert.equal(type, GOAWAY);
    assert.deepEqual(readGoawayFrame(payload), frame);
  }
});

Deno.test("readGoawayFrame() refuses a frame cut at any byte, and one too long", () => {
  const bytes = encode({ lastStreamId: 70_000, reason: 700 });
  for (const payload of [...cutPayloads(bytes), overlongPayload(bytes)]) {
    assert.throws(() => readGoawayFrame(payload), { code: "frame_encoding" });
  }
});
