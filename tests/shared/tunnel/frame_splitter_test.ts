import assert from "node:assert/strict";
import { FrameSplitter } from "../../../shared/tunnel/frame_splitter.ts";
import { STREAM_DATA, STREAM_HEAD } from "../../../shared/tunnel/frame_type.ts";
import { writePingFrame } from "../../../shared/tunnel/ping_frame.ts";
import { writeStreamFrame } from "../../../shared/tunnel/stream_frame.ts";
import { concatBytes, encodeFrame } from "./encode_frame.ts";

const FRAMES = concatBytes(
  encodeFrame((writer) =>
    writeStreamFrame(writer, {
      type: STREAM_HEAD,
      streamId: 1,
      offset: 0,
      bytes: new Uint8Array(100).fill(1),
    })
  ),
  encodeFrame((writer) => writePingFrame(writer, 1)),
  Uint8Array.of(0x7f, 0x00),
  encodeFrame((writer) =>
    writeStreamFrame(writer, {
      type: STREAM_DATA,
      streamId: 1,
      offset: 101,
      bytes: new Uint8Array(3).fill(2),
    })
  ),
);

function split(chunks: Uint8Array[]): string[] {
  const splitter = new FrameSplitter();
  const frames: string[] = [];
  for (const chunk of chunks) {
    splitter.feed(chunk);
    while (splitter.next()) {
      const payload = splitter.payload.rest();
      frames.push(`${splitter.type}/${splitter.encodedBytes}:${payload.toHex()}`);
    }
    splitter.takeSpent()?.fill(0);
  }
  assert.equal(splitter.partialBytes, 0);
  return frames;
}

Deno.test("FrameSplitter.next() finds the same frames wherever the input is cut in two", () => {
  const whole = split([FRAMES]);
  assert.equal(whole.length, 4);
  for (let at = 0; at <= FRAMES.length; at++) {
    assert.deepEqual(split([FRAMES.subarray(0, at), FRAMES.subarray(at)]), whole);
  }
});

Deno.test("FrameSplitter.next() finds the same frames in chunks of any one size", () => {
  const whole = split([FRAMES]);
  for (let size = 1; size < 20; size++) {
    const chunks: Uint8Array[] = [];
    for (let at = 0; at < FRAMES.length; at += size) chunks.push(FRAMES.subarray(at, at + size));
    assert.deepEqual(split(chunks), whole);
  }
});

Deno.test("FrameSplitter.next() refuses a frame by its header, before its payload comes", () => {
  const cases: [string, number[]][] = [
    ["unknown_frame", [0x00, 0x00]],
    ["unknown_frame", [0x08, 0x01]],
    ["unknown_frame", [0x3f, 0x01]],
    ["frame_size", [0x21, 0x09]],
    ["frame_size", [0x05, 0x11]],
    ["frame_size", [STREAM_DATA, 0x80, 0x01, 0x00, 0x11]],
    ["frame_size", [0x40, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]],
  ];
  for (const [code, bytes] of cases) {
    const splitter = new FrameSplitter();
    splitter.feed(Uint8Array.from(bytes));
    assert.throws(() => splitter.next(), { code });
  }
});

Deno.test("FrameSplitter.clear() wipes what it kept", () => {
  const splitter = new FrameSplitter();
  splitter.feed(FRAMES.subarray(0, 50));
  assert.equal(splitter.next(), false);
  assert.equal(splitter.partialBytes, 47);
  splitter.clear();
  assert.equal(splitter.partialBytes, 0);
});
