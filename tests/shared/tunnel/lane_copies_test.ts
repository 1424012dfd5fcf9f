import assert from "node:assert/strict";
import { CopySchedule } from "../../../shared/tunnel/copy_schedule.ts";
import { writeDatagramReportFrame } from "../../../shared/tunnel/datagram_report_frame.ts";
import { DATAGRAM_REPORT, RESET } from "../../../shared/tunnel/frame_type.ts";
import { LaneCopies } from "../../../shared/tunnel/lane_copies.ts";
import { DEFAULT_REDUNDANCY } from "../../../shared/tunnel/redundancy.ts";
import { writeResetFrame } from "../../../shared/tunnel/reset_frame.ts";
import { SendLog } from "../../../shared/tunnel/send_log.ts";
import { FrameReader, FrameWriter } from "../../../shared/tunnel/varint.ts";
import { concatBytes, encodeFrame, splitOne } from "./encode_frame.ts";

class Bench {
  readonly log = new SendLog();
  readonly schedule = new CopySchedule({
    role: "edge",
    log: this.log,
    redundancy: { ...DEFAULT_REDUNDANCY, mode: "always", spacingMs: 3 },
    onDue: () => this.copies.signal(),
  });
  readonly taken: string[] = [];
  isLive = true;
  readonly copies: LaneCopies;

  constructor({ carriesDatagrams = true } = {}) {
    this.copies = new LaneCopies({
      schedule: this.schedule,
      carriesDatagrams,
      takeCopiedFrame: (type, payload) => {
        this.taken.push(`${type} ${[...payload.rest()].join(" ")}`);
        if (type === 0x1f) this.isLive = false;
      },
      isLive: () => this.isLive,
    });
    this.schedule.setRanks(2);
    this.copies.ranks = [0, 1];
  }

  /** A frame of 4 bytes. */
  readonly addReset = (streamId: number): void => {
    writeResetFrame(this.log.begin(18), { streamId, code: 1 });
    this.log.commit();
  };
}

function readerOf(bytes: Uint8Array): FrameReader {
  const reader = new FrameReader();
  reader.reset(bytes, { start: 0, end: bytes.length });
  return reader;
}

Deno.test("LaneCopies.takeDatagram() numbers datagrams from 1 and joins the ranks that are due", () => {
  const { copies, addReset } = new Bench();
  addReset(5);
  assert.deepEqual([...copies.takeDatagram(0, 100) ?? []], [1, RESET, 2, 5, 1]);
  assert.equal(copies.takeDatagram(0, 100), null);
  addReset(6);
  assert.deepEqual([...copies.takeDatagram(3, 100) ?? []], [2, RESET, 2, 6, 1, RESET, 2, 5, 1]);
  assert.deepEqual([...copies.takeDatagram(6, 100) ?? []], [3, RESET, 2, 6, 1]);
});

Deno.test("LaneCopies.takeDatagram() keeps to the size, its number included", () => {
  const { copies, addReset } = new Bench();
  for (let i = 0; i < 63; i++) {
    copies.probe();
    copies.takeDatagram(0, 100);
  }
  for (const id of [1, 2, 3]) addReset(id);
  const datagram = copies.takeDatagram(0, 14) ?? assert.fail("nothing due");
  assert.deepEqual([...datagram], [0x40, 64, RESET, 2, 1, 1, RESET, 2, 2, 1, RESET, 2, 3, 1]);
  assert.equal(copies.takeDatagram(3, 1), null, "not even a number");
});

Deno.test("LaneCopies.probe() sends a datagram without frames, once, and only where there are datagrams", () => {
  const { copies } = new Bench();
  let calls = 0;
  copies.onDatagram = () => calls++;
  copies.probe();
  copies.probe();
  assert.equal(calls, 1);
  assert.deepEqual([...copies.takeDatagram(0, 100) ?? []], [1]);
  assert.equal(copies.takeDatagram(0, 100), null);
  const stream = new Bench({ carriesDatagrams: false });
  stream.copies.probe();
  assert.equal(stream.copies.takeDatagram(0, 100), null);
});

Deno.test("LaneCopies.takeDatagram() gives nothing when all that was due is acknowledged", () => {
  const { copies, log, addReset } = new Bench();
  addReset(1);
  log.acknowledge(log.endPosition);
  assert.equal(copies.takeDatagram(0, 100), null);
  addReset(2);
  assert.deepEqual([...copies.takeDatagram(0, 100) ?? []], [1, RESET, 2, 2, 1], "no number was used up");
});

Deno.test("LaneCopies has frames due only where it carries no datagrams", () => {
  const datagrams = new Bench();
  datagrams.addReset(1);
  assert.equal(datagrams.copies.isFrameDue, false);
  const stream = new Bench({ carriesDatagrams: false });
  assert.equal(stream.copies.isFrameDue, false);
  stream.addReset(1);
  assert.equal(stream.copies.isFrameDue, true);
  assert.equal(stream.copies.takeDatagram(0, 100), null);
  const frames = stream.copies.takeFrames(0);
  assert.deepEqual([...frames], [RESET, 2, 1, 1]);
  stream.copies.framesWritten();
  assert.deepEqual([...frames], [0, 0, 0, 0], "wiped");
});

Deno.test("LaneCopies gives each frame of a datagram to the session, wherever its borders are", () => {
  const { copies, taken } = new Bench();
  const reset = encodeFrame((writer) => writeResetFrame(writer, { streamId: 300, code: 2 }));
  copies.receiveDatagram(concatBytes(Uint8Array.of(7), reset, Uint8Array.of(3, 0), reset));
  assert.deepEqual(taken, ["5 65 44 2", "3 ", "5 65 44 2"]);
});

Deno.test("LaneCopies.receiveDatagram() refuses one cut inside its number or a frame", () => {
  const reset = encodeFrame((writer) => writeResetFrame(writer, { streamId: 300, code: 2 }));
  const whole = concatBytes(Uint8Array.of(0x41, 0x2c), reset, reset);
  const borders = new Set([2, 2 + reset.length, whole.length]);
  for (let length = 0; length <= whole.length; length++) {
    const { copies } = new Bench();
    const receive = () => copies.receiveDatagram(whole.subarray(0, length));
    if (borders.has(length)) receive();
    else assert.throws(receive, { code: "frame_encoding" }, `cut after ${length}`);
  }
});

Deno.test("LaneCopies.receiveCopies() stops when a frame ended the session", () => {
  const { copies, taken } = new Bench();
  copies.receiveCopies(readerOf(Uint8Array.of(0x1f, 0, 3, 0)));
  assert.deepEqual(taken, ["31 "]);
});

Deno.test("LaneCopies reports what came when it is time, and learns from the peer's reports", () => {
  const { copies } = new Bench();
  const writer = new FrameWriter();
  writer.buffer = new Uint8Array(100);
  const written = (isPing: boolean) => {
    writer.at = 0;
    copies.writeReport(writer, { isPing });
    return writer.at;
  };
  assert.equal(written(true), 0, "nothing came");
  copies.receiveDatagram(Uint8Array.of(3));
  assert.equal(written(false), 0, "not yet");
  assert.equal(written(true), 4);
  assert.equal(splitOne(writer.buffer.subarray(0, 4)).type, DATAGRAM_REPORT);
  assert.equal(written(true), 0, "told already");
  for (let number = 4; number < 68; number++) copies.receiveDatagram(encodeFrame((w) => w.varint(number)));
  assert.equal(copies.isReportDue, true);
  assert.ok(written(false) > 0);

  for (let i = 0; i < 40; i++) {
    copies.probe();
    copies.takeDatagram(0, 100);
  }
  const report = (highest: number, received: number) =>
    splitOne(encodeFrame((w) => writeDatagramReportFrame(w, { highest, received }))).payload;
  copies.receiveReport(report(40, 30));
  assert.equal(copies.lossShare, 0.25);
  assert.throws(() => copies.receiveReport(report(41, 1)), { code: "lane_ack" });
});

Deno.test("LaneCopies.end() leaves nothing to go out", () => {
  const { copies, addReset } = new Bench();
  addReset(1);
  copies.probe();
  copies.end();
  assert.equal(copies.takeDatagram(0, 100), null);
  assert.equal(copies.isFrameDue, false);
});
