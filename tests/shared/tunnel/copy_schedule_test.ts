import assert from "node:assert/strict";
import { CopySchedule } from "../../../shared/tunnel/copy_schedule.ts";
import { writeCreditFrame } from "../../../shared/tunnel/credit_frame.ts";
import { STREAM_DATA } from "../../../shared/tunnel/frame_type.ts";
import { writeGoawayFrame } from "../../../shared/tunnel/goaway_frame.ts";
import { DEFAULT_REDUNDANCY, type RedundancyOptions } from "../../../shared/tunnel/redundancy.ts";
import { writeResetFrame } from "../../../shared/tunnel/reset_frame.ts";
import { SendLog } from "../../../shared/tunnel/send_log.ts";
import { writeStreamFrame } from "../../../shared/tunnel/stream_frame.ts";
import { FrameWriter } from "../../../shared/tunnel/varint.ts";

/** Encoded bytes of a data frame beside its own bytes, here. */
const OVERHEAD_BYTES = 4;

class Bench {
  readonly log = new SendLog();
  readonly schedule: CopySchedule;
  timesDue = 0;

  constructor(
    { role = "edge", ...redundancy }: Partial<RedundancyOptions> & { role?: "edge" | "core" } = {},
  ) {
    this.schedule = new CopySchedule({
      role,
      log: this.log,
      redundancy: { ...DEFAULT_REDUNDANCY, mode: "always", spacingMs: 3, ...redundancy },
      onDue: () => this.timesDue++,
    });
    this.schedule.setRanks(3);
  }

  /** Adds a data frame whose bytes are all `value`. */
  addData(value: number, length = 1): void {
    this.add((writer) =>
      writeStreamFrame(writer, {
        type: STREAM_DATA,
        streamId: 1,
        offset: 0,
        bytes: new Uint8Array(length).fill(value),
      })
    );
  }

  add(write: (writer: FrameWriter) => void): void {
    write(this.log.begin(1_200));
    this.log.commit();
  }

  /** The values of the data frames in a packet of that rank. */
  take(rank: number, now: number, maxBytes = 1_200): number[] {
    const writer = new FrameWriter();
    writer.buffer = new Uint8Array(maxBytes);
    this.schedule.write(writer, { rank, now, maxBytes });
    const values: number[] = [];
    for (let at = 0; at < writer.at;) {
      const length = writer.buffer[at + 1] ?? 0;
      values.push(writer.buffer[at + 4] ?? -1);
      at += 2 + length;
    }
    return values;
  }
}

Deno.test("CopySchedule gives each rank its copy some time after the one before went out", () => {
  const bench = new Bench();
  bench.schedule.measured({ lossShare: 0.1, lateShare: null, hasDatagrams: true }, 0);
  bench.addData(7);
  assert.equal(bench.timesDue, 1);
  assert.equal(bench.schedule.isDue(0, 0), true);
  assert.equal(bench.schedule.dueAt(1), Infinity);
  assert.deepEqual(bench.take(0, 100), [7]);
  assert.equal(bench.schedule.isDue(0, 100), false);
  assert.equal(bench.schedule.dueAt(1), 103);
  assert.deepEqual(bench.take(1, 102), []);
  assert.deepEqual(bench.take(1, 110), [7]);
  assert.equal(bench.schedule.dueAt(2), 113);
  assert.deepEqual(bench.take(2, 113), [7]);
  assert.equal(bench.schedule.copiesSent, 3);
  assert.equal(bench.schedule.copyBytesSent, 3 * (OVERHEAD_BYTES + 1));
});

Deno.test("CopySchedule gives a frame no more copies than are wanted, nor than ranks have a lane", () => {
  const two = new Bench();
  two.addData(1);
  two.take(0, 0);
  two.take(1, 3);
  assert.equal(two.schedule.dueAt(2), Infinity, "two with `always`");
  const one = new Bench();
  one.schedule.setRanks(1);
  one.addData(1);
  one.take(0, 0);
  assert.equal(one.schedule.dueAt(1), Infinity);
  const none = new Bench();
  none.schedule.setRanks(0);
  none.addData(1);
  assert.equal(none.timesDue, 0);
});

Deno.test("CopySchedule.setRanks() drops the copies of ranks without a lane", () => {
  const bench = new Bench();
  bench.addData(1);
  bench.take(0, 0);
  bench.schedule.setRanks(1);
  assert.equal(bench.schedule.dueAt(1), Infinity);
});

Deno.test("CopySchedule fills a packet with whole frames and leaves the others for the next", () => {
  const bench = new Bench();
  for (let i = 1; i <= 5; i++) bench.addData(i, 46);
  assert.deepEqual(bench.take(0, 0, 120), [1, 2]);
  assert.deepEqual(bench.take(0, 0, 120), [3, 4]);
  assert.deepEqual(bench.take(0, 0, 120), [5]);
  assert.deepEqual(bench.take(0, 0, 120), []);
});

Deno.test("CopySchedule leaves out a frame that no packet takes", () => {
  const bench = new Bench();
  bench.addData(1, 200);
  bench.addData(2, 10);
  assert.deepEqual(bench.take(0, 0, 100), [2]);
  assert.equal(bench.schedule.isDue(0, 0), false);
});

Deno.test("CopySchedule leaves out what was acknowledged meanwhile, and takes what was in part", () => {
  const bench = new Bench();
  for (let i = 1; i <= 3; i++) bench.addData(i);
  bench.log.acknowledge((OVERHEAD_BYTES + 1) * 2 - 1);
  assert.deepEqual(bench.take(0, 0), [2, 3]);
  bench.log.acknowledge(bench.log.endPosition);
  assert.deepEqual(bench.take(1, 10), []);
  assert.equal(bench.schedule.dueAt(1), Infinity);
});

Deno.test("CopySchedule copies frames of streams up to the size, and of the others an edge's reset only", () => {
  const sizes = new Bench({ maxFrameBytes: OVERHEAD_BYTES + 10 });
  sizes.addData(1, 10);
  sizes.addData(2, 11);
  assert.deepEqual(sizes.take(0, 0), [1]);
  const reset = (writer: FrameWriter) => writeResetFrame(writer, { streamId: 1, code: 1 });
  const edge = new Bench({ role: "edge" });
  edge.add((writer) => writeCreditFrame(writer, { streamId: 1, limit: 9 }));
  edge.add((writer) => writeGoawayFrame(writer, { lastStreamId: 1, reason: 9 }));
  assert.equal(edge.timesDue, 0);
  edge.add(reset);
  assert.equal(edge.timesDue, 1);
  const core = new Bench({ role: "core" });
  core.add(reset);
  assert.equal(core.timesDue, 0);
});

Deno.test("CopySchedule copies one frame now and then while none need copies, to measure the loss", () => {
  const bench = new Bench({ mode: "auto" });
  const { schedule } = bench;
  assert.equal(schedule.copiesPerFrame, 0);
  for (let i = 1; i <= 3; i++) bench.addData(i);
  assert.deepEqual(bench.take(0, 100), [1]);
  assert.equal(schedule.dueAt(1), Infinity);
  schedule.timePasses(110);
  bench.addData(4);
  assert.deepEqual(bench.take(0, 110), [], "too soon");
  schedule.timePasses(120);
  bench.addData(5);
  bench.addData(6);
  assert.deepEqual(bench.take(0, 120), [5]);
});

Deno.test("CopySchedule with off copies nothing", () => {
  const bench = new Bench({ mode: "off" });
  bench.schedule.timePasses(1_000);
  bench.addData(1);
  assert.equal(bench.timesDue, 0);
  assert.deepEqual(bench.take(0, 1_000), []);
});

Deno.test("CopySchedule keeps a bounded number of frames, the latest", () => {
  const bench = new Bench();
  for (let i = 0; i < 2_100; i++) bench.addData(i % 251);
  const first = bench.take(0, 0)[0];
  assert.equal(first, (2_100 - 2_048) % 251);
});

Deno.test("CopySchedule.clear() leaves nothing due", () => {
  const bench = new Bench();
  bench.addData(1);
  bench.take(0, 0);
  bench.addData(2);
  bench.schedule.clear();
  assert.equal(bench.schedule.isDue(0, 1_000) || bench.schedule.isDue(1, 1_000), false);
  bench.addData(3);
  assert.equal(bench.timesDue, 2, "nothing is added behind the end");
});
