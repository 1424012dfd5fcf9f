/** Bytes of any kind on a lane: no exception, a typed end at most, and nothing retained beyond the bounds. */
import assert from "node:assert/strict";
import { writeCloseFrame } from "../../../shared/tunnel/close_frame.ts";
import { writeCreditFrame } from "../../../shared/tunnel/credit_frame.ts";
import { writeDatagramReportFrame } from "../../../shared/tunnel/datagram_report_frame.ts";
import {
  COPY,
  RESET,
  STREAM_DATA,
  STREAM_END,
  STREAM_HEAD,
  STREAM_INFORMATIONAL,
} from "../../../shared/tunnel/frame_type.ts";
import { writeGoawayFrame } from "../../../shared/tunnel/goaway_frame.ts";
import { writeLaneAckFrame } from "../../../shared/tunnel/lane_ack_frame.ts";
import { writePingFrame, writePongFrame } from "../../../shared/tunnel/ping_frame.ts";
import { writeResetFrame } from "../../../shared/tunnel/reset_frame.ts";
import { DEFAULT_REDUNDANCY } from "../../../shared/tunnel/redundancy.ts";
import { Session } from "../../../shared/tunnel/session.ts";
import { DEFAULT_SESSION_LIMITS } from "../../../shared/tunnel/session_limits.ts";
import { writeStreamFrame } from "../../../shared/tunnel/stream_frame.ts";
import { concatBytes, encodeFrame } from "./encode_frame.ts";
import { Random } from "./simulation/random.ts";
import { DATAGRAM_LANE, STREAM_LANE } from "./lane_traits.ts";

const ROUNDS = Number(Deno.env.get("LOWU_FUZZ_ROUNDS") ?? "4000");

const bytes = Uint8Array.from({ length: 40 }, (_, index) => index);

const CORPUS: Uint8Array[] = [
  encodeFrame((writer) => writeStreamFrame(writer, { type: STREAM_HEAD, streamId: 1, offset: 0, bytes })),
  encodeFrame((writer) =>
    writeStreamFrame(writer, { type: STREAM_INFORMATIONAL, streamId: 1, offset: 0, bytes })
  ),
  encodeFrame((writer) => writeStreamFrame(writer, { type: STREAM_DATA, streamId: 1, offset: 41, bytes })),
  encodeFrame((writer) => writeStreamFrame(writer, { type: STREAM_DATA, streamId: 1, offset: 200, bytes })),
  encodeFrame((writer) => writeStreamFrame(writer, { type: STREAM_END, streamId: 1, offset: 82, bytes })),
  encodeFrame((writer) => writeStreamFrame(writer, { type: STREAM_HEAD, streamId: 2, offset: 0, bytes })),
  encodeFrame((writer) => writeStreamFrame(writer, { type: STREAM_HEAD, streamId: 9, offset: 0, bytes })),
  encodeFrame((writer) => writeResetFrame(writer, { streamId: 2, code: 7 })),
  encodeFrame((writer) => writeCreditFrame(writer, { streamId: 1, limit: 400_000 })),
  encodeFrame((writer) => writeGoawayFrame(writer, { lastStreamId: 2, reason: 1 })),
  encodeFrame((writer) => writeLaneAckFrame(writer, 20)),
  encodeFrame((writer) => writePingFrame(writer, 1)),
  encodeFrame((writer) => writePongFrame(writer, bytes.subarray(0, 8))),
  encodeFrame((writer) => writeCloseFrame(writer, 0)),
  encodeFrame((writer) => writeDatagramReportFrame(writer, { highest: 1, received: 1 })),
  encodeFrame((writer) => writer.bytes(Uint8Array.of(COPY, 7, RESET, 2, 1, 1, RESET, 2, 2))),
  Uint8Array.of(0x42, 0x02, 1, 2),
];

function mutated(random: Random): Uint8Array {
  const frames = Array.from({ length: random.between(1, 12) }, () => random.pick(CORPUS));
  const input = concatBytes(...frames);
  for (let i = random.between(0, 4); i > 0; i--) {
    const at = random.between(0, input.length - 1);
    if (random.chance(0.5)) input[at] = random.between(0, 255);
    else input.copyWithin(at, random.between(0, input.length - 1));
  }
  return input.subarray(0, random.chance(0.2) ? random.between(0, input.length) : input.length);
}

function runRound(seed: number): void {
  const random = new Random(seed);
  const role = random.pick(["edge", "core"] as const);
  const session = new Session<string>({
    role,
    limits: DEFAULT_SESSION_LIMITS,
    redundancy: DEFAULT_REDUNDANCY,
    now: 0,
  });
  const lanes = [session.attachLane(0, STREAM_LANE), session.attachLane(0, DATAGRAM_LANE)];
  if (role === "edge") { for (let i = 0; i < 3; i++) session.openStream(bytes, "edge")?.sendData(bytes); }
  let now = 0;
  let ends = 0;
  for (let step = random.between(1, 6); step > 0; step--) {
    const lane = random.pick(lanes);
    const chunk = lane?.takeOutput(now) ?? null;
    if (chunk !== null) lane?.outputWritten(chunk);
    lane?.takeDatagram(now, 1_200);
    const input = mutated(random);
    const isDatagram = lane === lanes[1] && random.chance(0.5);
    for (let start = 0; start < input.length;) {
      const end = start + (isDatagram ? input.length : random.between(1, 64));
      if (isDatagram) lane?.receiveDatagram(concatBytes(Uint8Array.of(step), input), now);
      else lane?.receive(input.slice(start, end), now);
      for (let event = session.nextEvent(); event !== null; event = session.nextEvent()) {
        assert.equal(ends, 0, "an event after the last");
        if (event.kind === "open") event.stream.owner = "core";
        if (event.kind === "data" && random.chance(0.5)) event.stream.consumed(event.bytes.length);
        if (event.kind === "error" || event.kind === "closed") ends++;
      }
      start = end;
    }
    session.handleTimeout(now += random.between(0, 900));
  }
  assert.ok(session.reorderBytes <= DEFAULT_SESSION_LIMITS.maxReorderBytes);
  assert.equal(session.state === "ended", ends === 1);
  if (ends === 1) assert.equal(session.streamCount + session.retainedBytes + session.reorderBytes, 0);
}

Deno.test("Lane.receive() answers any bytes with events, never with an exception", () => {
  for (let seed = 1; seed <= ROUNDS; seed++) {
    try {
      runRound(seed);
    } catch (error) {
      throw new Error(`fuzz seed ${seed} fails`, { cause: error });
    }
  }
});
