import assert from "node:assert/strict";
import { MAX_DATA_BYTES, STREAM_DATA, STREAM_END, STREAM_HEAD } from "../../../shared/tunnel/frame_type.ts";
import { readStreamFrame, writeStreamFrame } from "../../../shared/tunnel/stream_frame.ts";
import { FrameReader } from "../../../shared/tunnel/varint.ts";
import { cutPayloads, encodeFrame, splitOne } from "./encode_frame.ts";

const frame = { type: STREAM_DATA, streamId: 0x1234, offset: 5, bytes: Uint8Array.of(0xaa, 0xbb) } as const;

Deno.test("writeStreamFrame() writes type, length, id, offset and bytes", () => {
  const bytes = encodeFrame((writer) => writeStreamFrame(writer, frame));
  assert.deepEqual([...bytes], [0x03, 0x05, 0x52, 0x34, 0x05, 0xaa, 0xbb]);
});

Deno.test("readStreamFrame() gives back what writeStreamFrame() wrote", () => {
  for (const type of [STREAM_HEAD, STREAM_DATA, STREAM_END] as const) {
    for (const length of [0, 1, 63, 16_384, 65_536]) {
      const sent = { type, streamId: 2 ** 40, offset: 2 ** 33, bytes: new Uint8Array(length).fill(7) };
      const { payload, type: found } = splitOne(encodeFrame((writer) => writeStreamFrame(writer, sent)));
      assert.equal(found, type);
      assert.deepEqual(readStreamFrame(payload, type), sent);
    }
  }
});

Deno.test("readStreamFrame() refuses a frame cut inside id or offset, and takes one cut behind them as shorter", () => {
  const bytes = encodeFrame((writer) => writeStreamFrame(writer, frame));
  cutPayloads(bytes).forEach((payload, length) => {
    if (length < 3) {
      assert.throws(() => readStreamFrame(payload, STREAM_DATA), { code: "frame_encoding" });
    } else assert.equal(readStreamFrame(payload, STREAM_DATA).bytes.length, length - 3);
  });
});

Deno.test("readStreamFrame() refuses more data than one frame may carry", () => {
  const reader = new FrameReader();
  const bytes = new Uint8Array(2 + MAX_DATA_BYTES + 1);
  reader.reset(bytes, { start: 0, end: bytes.length });
  assert.throws(() => readStreamFrame(reader, STREAM_DATA), { code: "frame_size" });
});
