import assert from "node:assert/strict";
import { LANE_ACK } from "../../../shared/tunnel/frame_type.ts";
import { readLaneAckFrame, writeLaneAckFrame } from "../../../shared/tunnel/lane_ack_frame.ts";
import { cutPayloads, encodeFrame, overlongPayload, splitOne } from "./encode_frame.ts";

function encode(receivedBytes: number): Uint8Array {
  return encodeFrame((writer) => writeLaneAckFrame(writer, receivedBytes));
}

Deno.test("readLaneAckFrame() gives back what writeLaneAckFrame() wrote", () => {
  assert.deepEqual([...encode(0x8000)], [0x20, 0x04, 0x80, 0x00, 0x80, 0x00]);
  for (const receivedBytes of [0, 1, 2 ** 31, Number.MAX_SAFE_INTEGER]) {
    const { type, payload } = splitOne(encode(receivedBytes));
    assert.equal(type, LANE_ACK);
    assert.equal(readLaneAckFrame(payload), receivedBytes);
  }
});

Deno.test("readLaneAckFrame() refuses a frame cut at any byte, and one too long", () => {
  for (const payload of [...cutPayloads(encode(70_000)), overlongPayload(encode(70_000))]) {
    assert.throws(() => readLaneAckFrame(payload), { code: "frame_encoding" });
  }
});
