import assert from "node:assert/strict";
import fc from "fast-check";
import { CarriedLog } from "../../../shared/tunnel/carried_log.ts";
import { STREAM_DATA } from "../../../shared/tunnel/frame_type.ts";
import { LaneSegments } from "../../../shared/tunnel/lane_segments.ts";
import { writeStreamFrame } from "../../../shared/tunnel/stream_frame.ts";

/** Adds a frame of `bytes` payload bytes. */
function append({ log }: CarriedLog, bytes: number): void {
  const frame = { type: STREAM_DATA, streamId: 1, offset: 0, bytes: new Uint8Array(bytes) } as const;
  writeStreamFrame(log.begin(bytes + 21), frame);
  log.commit();
}

type Step =
  | { readonly kind: "append"; readonly log: number; readonly bytes: number }
  | { readonly kind: "send"; readonly log: number }
  | { readonly kind: "rewind"; readonly log: number }
  | { readonly kind: "acknowledge"; readonly share: number };

const log = fc.nat({ max: 1 });
const steps = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant("append" as const), log, bytes: fc.nat({ max: 60 }) }),
    fc.record({ kind: fc.constant("send" as const), log }),
    fc.record({ kind: fc.constant("rewind" as const), log }),
    fc.record({
      kind: fc.constant("acknowledge" as const),
      share: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
  ),
  { maxLength: 60 },
);

function runSteps(taken: readonly Step[]): void {
  const logs = [new CarriedLog("tokens"), new CarriedLog("bulk")] as const;
  const segments = new LaneSegments();
  /** The model: of each byte on the lane, its log and the position behind it. */
  const lane: { carried: CarriedLog; position: number }[] = [];
  for (const step of taken) {
    if (step.kind === "acknowledge") {
      const received = segments.ackedBytes + Math.floor(step.share * (lane.length - segments.ackedBytes));
      segments.acknowledge(received, (carried, position) => carried.log.acknowledge(position));
      for (const carried of logs) {
        const came = lane.slice(0, received).filter((byte) => byte.carried === carried);
        assert.equal(carried.log.ackedPosition, Math.max(0, ...came.map((byte) => byte.position)));
      }
      continue;
    }
    const carried = step.log === 0 ? logs[0] : logs[1];
    if (step.kind === "append") append(carried, step.bytes);
    else if (step.kind === "rewind") carried.rewind();
    else {
      carried.skipAcknowledged();
      const { cursor } = carried;
      const bytes = carried.log.framesFrom(cursor)?.length ?? 0;
      for (let i = 1; i <= bytes; i++) lane.push({ carried, position: cursor + i });
      if (bytes > 0) segments.add(carried, bytes);
    }
    assert.equal(segments.sentBytes, lane.length);
  }
}

Deno.test("LaneSegments turns bytes of a lane into positions of its logs as a list of all bytes does", () => {
  fc.assert(fc.property(steps, runSteps), { numRuns: 500 });
});

Deno.test("LaneSegments.acknowledge() refuses what was not sent, and less than before", () => {
  const carried = new CarriedLog("tokens");
  const segments = new LaneSegments();
  append(carried, 10);
  segments.add(carried, carried.log.endPosition);
  segments.acknowledge(5, () => {});
  assert.throws(() => segments.acknowledge(4, () => {}), /out of range/);
  assert.throws(() => segments.acknowledge(segments.sentBytes + 1, () => {}), /out of range/);
});

Deno.test("LaneSegments.clear() forgets the logs and keeps the counts", () => {
  const carried = new CarriedLog("tokens");
  const segments = new LaneSegments();
  append(carried, 10);
  const bytes = carried.log.endPosition;
  segments.add(carried, bytes);
  segments.clear();
  segments.acknowledge(bytes, () => assert.fail("a position of a log that was forgotten"));
  assert.equal(segments.ackedBytes, bytes);
});
