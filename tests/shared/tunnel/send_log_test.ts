import assert from "node:assert/strict";
import fc from "fast-check";
import { STREAM_DATA } from "../../../shared/tunnel/frame_type.ts";
import { SendLog } from "../../../shared/tunnel/send_log.ts";
import { writeStreamFrame } from "../../../shared/tunnel/stream_frame.ts";

/** Adds one frame with a payload of `length`; returns its encoded size. */
function append(log: SendLog, length: number): number {
  const before = log.endPosition;
  const bytes = new Uint8Array(length).fill(length);
  writeStreamFrame(log.begin(length + 21), { type: STREAM_DATA, streamId: 1, offset: 0, bytes });
  log.commit();
  return log.endPosition - before;
}

function readAll(log: SendLog, from: number): number {
  let position = from;
  for (let frames = log.framesFrom(position); frames !== null; frames = log.framesFrom(position)) {
    assert.equal(frames[0], STREAM_DATA);
    position += frames.length;
  }
  return position;
}

Deno.test("SendLog finds the first frame that is not wholly acknowledged, and gives everything from there", () => {
  const lengths = fc.array(fc.oneof(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 0, max: 130_000 })), {
    minLength: 1,
    maxLength: 30,
  });
  fc.assert(
    fc.property(
      lengths,
      fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 5 }),
      (sizes, acks) => {
        const log = new SendLog();
        const borders = [0];
        for (const size of sizes) borders.push((borders.at(-1) ?? 0) + append(log, size));
        for (const share of acks) {
          log.acknowledge(Math.floor(share * log.endPosition));
          const expected = borders.findLast((border) => border <= log.ackedPosition) ?? -1;
          assert.equal(log.firstUnackedFrame(), expected);
          assert.equal(readAll(log, log.firstUnackedFrame()), log.endPosition);
          assert.equal(log.retainedBytes, log.endPosition - log.ackedPosition);
        }
        log.acknowledge(log.endPosition);
        assert.ok(log.slabCount <= 1);
        assert.equal(log.retainedBytes, 0);
        assert.equal(log.firstUnackedFrame(), log.endPosition);
      },
    ),
    { numRuns: 200 },
  );
});

Deno.test("SendLog.acknowledge() wipes a slab when all of it is acknowledged", () => {
  const log = new SendLog();
  append(log, 1000);
  const frames = log.framesFrom(0);
  assert.ok(frames !== null && frames.some((byte) => byte !== 0));
  log.acknowledge(500);
  assert.ok(frames.some((byte) => byte !== 0));
  log.acknowledge(log.endPosition);
  assert.ok(frames.every((byte) => byte === 0));
});

Deno.test("SendLog.clear() wipes everything", () => {
  const log = new SendLog();
  append(log, 100_000);
  append(log, 10);
  const frames = log.framesFrom(0);
  log.clear();
  assert.ok(frames?.every((byte) => byte === 0));
  assert.equal(log.slabCount, 0);
  assert.equal(log.retainedBytes, 0);
});
