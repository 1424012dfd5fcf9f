import assert from "node:assert/strict";
import { CarriedLog } from "../../../shared/tunnel/carried_log.ts";
import { RESET } from "../../../shared/tunnel/frame_type.ts";
import { writeResetFrame } from "../../../shared/tunnel/reset_frame.ts";

/** One frame of 4 bytes. */
function append({ log }: CarriedLog): void {
  writeResetFrame(log.begin(18), { streamId: 1, code: 1 });
  log.commit();
}

function carriedLog(frames: number): CarriedLog {
  const carried = new CarriedLog("tokens");
  for (let i = 0; i < frames; i++) append(carried);
  return carried;
}

Deno.test("CarriedLog.rewind() begins at the first frame that is not wholly acknowledged", () => {
  const carried = carriedLog(3);
  carried.advance(12);
  carried.log.acknowledge(6);
  carried.rewind();
  assert.equal(carried.cursor, 4);
  assert.equal(carried.log.framesFrom(carried.cursor)?.[0], RESET);
});

Deno.test("CarriedLog.bytesResent counts what a lane was given before, each time that another begins", () => {
  const carried = carriedLog(3);
  carried.rewind();
  assert.equal(carried.bytesResent, 0);
  carried.advance(8);
  carried.rewind();
  assert.equal(carried.bytesResent, 8);
  carried.advance(4);
  carried.log.acknowledge(4);
  carried.rewind();
  assert.equal(carried.bytesResent, 12, "the furthest that any lane came counts");
  carried.advance(8);
  carried.log.acknowledge(12);
  carried.rewind();
  assert.equal(carried.bytesResent, 12);
});

Deno.test("CarriedLog.skipAcknowledged() leaves out what came meanwhile, by whole frames", () => {
  const carried = carriedLog(3);
  carried.log.acknowledge(7);
  carried.skipAcknowledged();
  assert.equal(carried.cursor, 4);
  carried.advance(8);
  carried.skipAcknowledged();
  assert.equal(carried.cursor, 12);
});

Deno.test("CarriedLog.pendingBytes are those that no lane has, and all that are not acknowledged without a lane", () => {
  const carried = carriedLog(3);
  assert.equal(carried.pendingBytes, 12);
  carried.isCarried = true;
  carried.advance(8);
  assert.equal(carried.pendingBytes, 4);
  carried.isCarried = false;
  assert.equal(carried.pendingBytes, 12);
  carried.log.acknowledge(12);
  assert.equal(carried.pendingBytes, 0);
});
