import assert from "node:assert/strict";
import { FLAG, FRAME_TYPE } from "../../../shared/http2/frame.ts";
import { FrameReader } from "../../../shared/http2/frame_reader.ts";
import { data, frame, join, OPENING, rstStream } from "./raw_frames.ts";

const PADDED = frame({
  type: FRAME_TYPE.DATA,
  flags: FLAG.PADDED | FLAG.END_STREAM,
  streamId: 1,
  payload: [3, 1, 2, 0, 0, 0],
});
const STREAM = join(
  OPENING,
  data(1, []),
  data(1, [1, 2, 3, 4, 5]),
  PADDED,
  frame({ type: 0x42, streamId: 5, payload: [9, 9, 9] }),
  rstStream(3, 8),
);

/** Frames with the pieces of each DATA frame put together. */
function read(chunks: Uint8Array[]): string[] {
  const reader = new FrameReader(true);
  const frames: string[] = [];
  let body: number[] = [];
  for (const chunk of chunks) {
    reader.receive(chunk);
    while (reader.next()) {
      if (reader.type === FRAME_TYPE.DATA && reader.isFirstPiece) body = [];
      body = reader.type === FRAME_TYPE.DATA ? [...body, ...reader.payload] : [...reader.payload];
      if (reader.type !== FRAME_TYPE.DATA || reader.isLastPiece) {
        frames.push(`${reader.type} ${reader.flags} ${reader.streamId} ${reader.length}: ${body}`);
      }
    }
  }
  return frames;
}

const EXPECTED = [
  "4 0 0 0: ",
  "0 0 1 0: ",
  "0 0 1 5: 1,2,3,4,5",
  "0 9 1 6: 1,2",
  "66 0 5 3: 9,9,9",
  "3 0 3 4: 0,0,0,8",
];

Deno.test("FrameReader.next() finds the same frames however the input is cut", () => {
  assert.deepEqual(read([STREAM]), EXPECTED);
  assert.deepEqual(read([...STREAM].map((byte) => Uint8Array.of(byte))), EXPECTED);
  for (let cut = 0; cut <= STREAM.length; cut++) {
    assert.deepEqual(read([STREAM.subarray(0, cut), STREAM.subarray(cut)]), EXPECTED, `cut at ${cut}`);
  }
});

Deno.test("FrameReader.next() refuses what is not HTTP/2 at its first wrong byte", () => {
  const reader = new FrameReader(true);
  reader.receive(new TextEncoder().encode("PRI * HTTP/1"));
  assert.throws(() => reader.next(), { name: "Http2Error", errorCode: 1 });
});

Deno.test("FrameReader.next() refuses frames above the size limit and bad padding", () => {
  const wrong: [bytes: number[], errorCode: number][] = [
    [[0, 0x40, 1, 0, 0, 0, 0, 0, 1], 6],
    [[0, 0, 0, 0, 8, 0, 0, 0, 1], 6],
    [[0, 0, 2, 0, 8, 0, 0, 0, 1, 2, 0], 1],
    [[0, 0, 2, 0, 0, 0, 0, 0, 0, 2, 0], 1],
  ];
  for (const [bytes, errorCode] of wrong) {
    const reader = new FrameReader(false);
    reader.receive(Uint8Array.from(bytes));
    assert.throws(() => reader.next(), { name: "Http2Error", errorCode }, `${bytes}`);
  }
});
