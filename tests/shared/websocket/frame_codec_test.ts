import assert from "node:assert/strict";
import fc from "fast-check";
import { type FrameReaderOptions } from "../../../shared/websocket/frame_reader.ts";
import { writeFrame } from "../../../shared/websocket/frame_writer.ts";
import { OPCODE } from "../../../shared/websocket/opcode.ts";
import {
  concatenate,
  cutAt,
  encodeFrames,
  sampleFrames,
  textBytes,
  type TranscriptEntry,
  transcriptOf,
  type WrittenFrame,
} from "./websocket_transcript.ts";

const SERVER: FrameReaderOptions = { role: "server", maxMessageBytes: 1_000_000 };
const CLIENT: FrameReaderOptions = { role: "client", maxMessageBytes: 1_000_000 };

/** RFC 6455 §5.7. */
const EXAMPLES: [name: string, reader: FrameReaderOptions, bytes: number[], expected: TranscriptEntry[]][] = [
  ["unmasked text", CLIENT, [0x81, 5, 0x48, 0x65, 0x6c, 0x6c, 0x6f], [text("Hello")]],
  ["masked text", SERVER, [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58], [
    text("Hello"),
  ]],
  ["fragmented text", CLIENT, [0x01, 3, 0x48, 0x65, 0x6c, 0x80, 2, 0x6c, 0x6f], [text("Hello")]],
  ["ping", CLIENT, [0x89, 5, 0x48, 0x65, 0x6c, 0x6c, 0x6f], [control("ping", "Hello")]],
  [
    "masked pong",
    SERVER,
    [0x8a, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58],
    [control("pong", "Hello")],
  ],
  [
    "256 bytes",
    CLIENT,
    [0x82, 0x7e, 1, 0, ...new Array<number>(256).fill(1)],
    [{ kind: "data", type: "binary", bytes: new Array<number>(256).fill(1), endsMessage: true }],
  ],
];

for (const [name, options, bytes, expected] of EXAMPLES) {
  Deno.test(`FrameReader reads the RFC's example: ${name}`, () => {
    assert.deepEqual(transcriptOf([Uint8Array.from(bytes)], options), expected);
  });
}

Deno.test("writeFrame() writes the RFC's masked example, and each length in its shortest form", () => {
  const target = new Uint8Array(70_020);
  const payload = textBytes("Hello");
  const maskKey = Uint8Array.of(0x37, 0xfa, 0x21, 0x3d);
  const length = writeFrame(target, { opcode: OPCODE.text, isFinal: true, maskKey, payload });
  assert.deepEqual([...target.subarray(0, length)], EXAMPLES[1]?.[2]);
  assert.deepEqual([...payload], [...textBytes("Hello")], "the caller's bytes stay");
  for (const [bytes, header] of [[0, 2], [125, 2], [126, 4], [65_535, 4], [65_536, 10]] as const) {
    const frame = { opcode: OPCODE.binary, isFinal: true, maskKey: null, payload: new Uint8Array(bytes) };
    assert.equal(writeFrame(target, frame), header + bytes);
  }
});

for (const from of ["client", "server"] as const) {
  const options = from === "client" ? SERVER : CLIENT;
  const bytes = encodeFrames(sampleFrames(), from);
  const whole = transcriptOf([bytes], options);

  Deno.test(`FrameReader reads all kinds of frames, and nothing behind a close: ${from}'s frames`, () => {
    assert.deepEqual(whole.map((entry) => entry.kind), [
      ...["data", "ping", "data", "data", "data", "pong", "data", "close"],
    ]);
    assert.deepEqual(transcriptOf([concatenate([bytes, Uint8Array.of(0xff, 0xff)])], options), whole);
  });

  Deno.test(`FrameReader gives the same events wherever the bytes are split: ${from}'s frames`, () => {
    for (let at = 0; at <= bytes.length; at++) {
      assert.deepEqual(transcriptOf(cutAt(bytes, at), options), whole, `split at ${at}`);
    }
    assert.deepEqual(transcriptOf(Array.from(bytes, (byte) => Uint8Array.of(byte)), options), whole);
  });

  Deno.test(`FrameReader gives a beginning of the events when the bytes are cut off: ${from}'s frames`, () => {
    for (let at = 0; at < bytes.length; at++) {
      const entries = transcriptOf([bytes.subarray(0, at)], options);
      const last = entries.pop();
      assert.deepEqual(entries, whole.slice(0, entries.length));
      const match = whole[entries.length];
      if (last?.kind === "data" && match?.kind === "data") {
        assert.deepEqual(last.bytes, match.bytes.slice(0, last.bytes.length), `cut at ${at}`);
      } else assert.deepEqual(last, last === undefined ? undefined : match, `cut at ${at}`);
      assert.ok(last?.kind !== "close", "the last byte was needed");
    }
  });
}

Deno.test("FrameReader gives back what writeFrame() was given, in whatever pieces", () => {
  const message = fc.record({
    fragments: fc.array(fc.uint8Array({ maxLength: 200 }), { minLength: 1, maxLength: 4 }),
    ping: fc.option(fc.uint8Array({ maxLength: 125 })),
  });
  const input = fc.record({
    from: fc.constantFrom("client", "server"),
    messages: fc.array(message, { maxLength: 6 }),
    cuts: fc.array(fc.nat(3_000), { maxLength: 12 }),
  });
  fc.assert(
    fc.property(input, ({ from, messages, cuts }) => {
      const frames: WrittenFrame[] = messages.flatMap(({ fragments, ping }) => [
        ...fragments.map((payload, index) => ({
          opcode: index === 0 ? OPCODE.binary : OPCODE.continuation,
          isFinal: index === fragments.length - 1,
          payload,
        })),
        ...(ping === null ? [] : [{ opcode: OPCODE.ping, payload: ping }]),
      ]);
      const bytes = encodeFrames(frames, from);
      const borders = [0, ...cuts.filter((cut) => cut < bytes.length).sort((a, b) => a - b), bytes.length];
      const pieces = borders.slice(1).map((end, index) => bytes.subarray(borders[index], end));
      assert.deepEqual(
        transcriptOf(pieces, from === "client" ? SERVER : CLIENT),
        messages.flatMap(({ fragments, ping }) => [
          { kind: "data", type: "binary", bytes: [...concatenate(fragments)], endsMessage: true },
          ...(ping === null ? [] : [{ kind: "ping", payload: [...ping] }]),
        ]),
      );
    }),
    { numRuns: 300 },
  );
});

function text(value: string): TranscriptEntry {
  return { kind: "data", type: "text", bytes: [...textBytes(value)], endsMessage: true };
}

function control(kind: "ping" | "pong", value: string): TranscriptEntry {
  return { kind, payload: [...textBytes(value)] };
}
