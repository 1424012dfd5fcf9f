/** Copies that a peer makes up: they break no limit that the frames themselves keep, and malformed ones end the session. */
import assert from "node:assert/strict";
import { writeCloseFrame } from "../../../shared/tunnel/close_frame.ts";
import { writeCreditFrame } from "../../../shared/tunnel/credit_frame.ts";
import { writeDatagramReportFrame } from "../../../shared/tunnel/datagram_report_frame.ts";
import { COPY, STREAM_DATA, STREAM_END, STREAM_HEAD } from "../../../shared/tunnel/frame_type.ts";
import { writeGoawayFrame } from "../../../shared/tunnel/goaway_frame.ts";
import type { Lane } from "../../../shared/tunnel/lane.ts";
import { DEFAULT_REDUNDANCY } from "../../../shared/tunnel/redundancy.ts";
import { writeResetFrame } from "../../../shared/tunnel/reset_frame.ts";
import { Session } from "../../../shared/tunnel/session.ts";
import { SESSION_ERROR_NUMBERS } from "../../../shared/tunnel/session_error_code.ts";
import { DEFAULT_SESSION_LIMITS, type SessionLimits } from "../../../shared/tunnel/session_limits.ts";
import { type StreamFrame, writeStreamFrame } from "../../../shared/tunnel/stream_frame.ts";
import type { FrameWriter } from "../../../shared/tunnel/varint.ts";
import { concatBytes, encodeFrame } from "./encode_frame.ts";
import { DATAGRAM_LANE } from "./lane_traits.ts";

interface Receiver {
  readonly session: Session<string>;
  readonly lane: Lane;
  /** The kinds of the events that bytes on the stream, or of a datagram, bring. */
  receive(...frames: Uint8Array[]): string[];
  receiveDatagram(datagram: Uint8Array): string[];
}

function makeReceiver(role: "edge" | "core", limits: Partial<SessionLimits> = {}): Receiver {
  const session = new Session<string>({
    role,
    limits: { ...DEFAULT_SESSION_LIMITS, ...limits },
    redundancy: DEFAULT_REDUNDANCY,
    now: 0,
  });
  const lane = session.attachLane(0, DATAGRAM_LANE);
  assert.ok(lane !== null);
  const takeEvents = () => {
    const kinds: string[] = [];
    for (let event = session.nextEvent(); event !== null; event = session.nextEvent()) {
      if (event.kind === "open") event.stream.owner = "core";
      kinds.push(event.kind === "error" ? `error ${event.code}` : event.kind);
    }
    return kinds;
  };
  return {
    session,
    lane,
    receive: (...frames) => {
      lane.receive(concatBytes(...frames), 0);
      return takeEvents();
    },
    receiveDatagram: (datagram) => {
      lane.receiveDatagram(datagram, 0);
      return takeEvents();
    },
  };
}

function frame({ type = STREAM_HEAD, streamId = 1, offset = 0, length = 0 }): Uint8Array {
  const bytes = new Uint8Array(length);
  const whole = { type, streamId, offset, bytes } as StreamFrame;
  return encodeFrame((writer) => writeStreamFrame(writer, whole));
}

function reset(streamId: number): Uint8Array {
  return encodeFrame((writer) => writeResetFrame(writer, { streamId, code: 1 }));
}

function datagram(number: number, ...frames: Uint8Array[]): Uint8Array {
  return concatBytes(encodeFrame((writer) => writer.varint(number)), ...frames);
}

function copyFrame(...frames: Uint8Array[]): Uint8Array {
  const payload = concatBytes(...frames);
  const header = encodeFrame((writer) => {
    writer.byte(COPY);
    writer.varint(payload.length);
  });
  return concatBytes(header, payload);
}

Deno.test("Session of a core drops copies of new streams at the limit, and takes the frames", () => {
  const { session, receive, receiveDatagram } = makeReceiver("core", { maxStreams: 2 });
  receive(frame({ streamId: 1 }), frame({ streamId: 2 }));
  assert.deepEqual(receiveDatagram(datagram(1, frame({ streamId: 3 }))), []);
  assert.equal(session.streamCount, 2);
  assert.deepEqual(
    receiveDatagram(datagram(2, frame({ type: STREAM_DATA, streamId: 2, offset: 1, length: 5 }))),
    [
      "data",
    ],
    "a live stream still gets its copies",
  );
  assert.deepEqual(receive(reset(1)), ["reset"]);
  assert.deepEqual(receive(frame({ streamId: 3 })), ["open"]);
});

Deno.test("Session of a core drops copies that would leave too many gaps between ids", () => {
  const { session, receive, receiveDatagram } = makeReceiver("core", { maxStreams: 4 });
  for (let id = 2; id < 3_000; id += 2) {
    const head = frame({ streamId: id });
    assert.ok(!receiveDatagram(datagram(id, head, reset(id))).includes("error id_gaps"), `stream ${id}`);
  }
  assert.equal(session.state, "open");
  const missed = Array.from({ length: 10 }, (_, index) => reset(index + 1));
  receive(...missed);
  assert.deepEqual(receive(frame({ streamId: 11 })), ["open"]);
});

Deno.test("Session of a core drops copies of resets that would leave too many gaps between ids", () => {
  const { session, receiveDatagram } = makeReceiver("core", { maxStreams: 4 });
  for (let id = 2; id < 3_000; id += 2) receiveDatagram(datagram(id, reset(id)));
  assert.equal(session.state, "open");
});

Deno.test("Session gives copies half of the room for frames ahead of their predecessors", () => {
  const { session, receive, receiveDatagram } = makeReceiver("core", { maxReorderBytes: 10_000 });
  receive(frame({}));
  let number = 0;
  const ahead = Array.from(
    { length: 20 },
    (_, i) => frame({ type: STREAM_DATA, offset: 2 + 1_001 * i, length: 1_000 }),
  );
  for (const copy of ahead) assert.deepEqual(receiveDatagram(datagram(++number, copy)), []);
  assert.equal(session.reorderBytes, 4 * 1_064);
  assert.deepEqual(receive(...ahead.slice(0, 8)), []);
  assert.equal(session.reorderBytes, 8 * 1_064);
  const first = frame({ type: STREAM_DATA, offset: 1, length: 0 });
  assert.equal(receive(first).length, 8);
  assert.equal(session.reorderBytes, 0);
});

Deno.test("Session drops copies when a stream keeps as many frames as it may", () => {
  const { session, receive, receiveDatagram } = makeReceiver("core");
  receive(frame({}));
  for (let i = 0; i < 5_000; i++) {
    receiveDatagram(datagram(i + 1, frame({ type: STREAM_DATA, offset: 2 + i })));
  }
  assert.equal(session.state, "open");
  assert.equal(session.reorderBytes, 4_096 * 64);
});

Deno.test("Session counts a copy as useful once, and what is no use not at all", () => {
  const { session, receive, receiveDatagram } = makeReceiver("core");
  const head = frame({});
  const ahead = frame({ type: STREAM_DATA, offset: 10, length: 3 });
  receiveDatagram(datagram(1, head, head, ahead, ahead));
  receive(copyFrame(head, ahead));
  assert.equal(session.stats.copiesReceived, 6);
  assert.equal(session.stats.copiesUseful, 2);
  assert.equal(session.stats.framesDropped, 0);
});

Deno.test("Session holds a copy to the credit of its stream", () => {
  const { session, receiveDatagram } = makeReceiver("core");
  const beyond = frame({ type: STREAM_DATA, offset: DEFAULT_SESSION_LIMITS.windowUnits });
  assert.deepEqual(receiveDatagram(datagram(1, frame({}), beyond)), ["open", "reset", "error credit"]);
  assert.equal(session.state, "ended");
});

const REFUSED: [string, "edge" | "core", string, (writer: FrameWriter) => void][] = [
  ["credit", "core", "unknown_frame", (writer) => writeCreditFrame(writer, { streamId: 1, limit: 1 })],
  ["a GOAWAY", "core", "unknown_frame", (writer) => writeGoawayFrame(writer, { lastStreamId: 1, reason: 1 })],
  ["a reset to an edge", "edge", "unknown_frame", (writer) => writer.bytes(reset(1))],
  ["a copy", "core", "unknown_frame", (writer) => writer.bytes(Uint8Array.of(0x40, 0x40, 0))],
  ["a frame of an unknown type", "core", "unknown_frame", (writer) => writer.bytes(Uint8Array.of(0x1f, 0))],
  ["a cut frame", "core", "frame_encoding", (writer) => writer.bytes(frame({ length: 9 }).subarray(0, 8))],
  ["a length without an end", "core", "frame_encoding", (writer) => writer.bytes(Uint8Array.of(1, 0xc0))],
  ["a frame of stream 0", "core", "stream_id", (writer) => writer.bytes(frame({ streamId: 0 }))],
  ["a stream that was never opened", "edge", "stream_id", (writer) => writer.bytes(frame({ streamId: 7 }))],
  ["data before the head", "core", "stream_order", (writer) => writer.bytes(frame({ type: STREAM_DATA }))],
];

for (const [what, role, code, write] of REFUSED) {
  Deno.test(`Session of ${role === "edge" ? "an edge" : "a core"} ends with ${code} on a copy of ${what}`, () => {
    for (const isDatagram of [true, false]) {
      const { session, lane, receive, receiveDatagram } = makeReceiver(role);
      const copied = encodeFrame(write);
      const events = isDatagram ? receiveDatagram(datagram(1, copied)) : receive(copyFrame(copied));
      assert.deepEqual(events, [`error ${code}`]);
      const number = SESSION_ERROR_NUMBERS[code as keyof typeof SESSION_ERROR_NUMBERS];
      const close = encodeFrame((writer) => writeCloseFrame(writer, number));
      assert.deepEqual(lane.takeOutput(0)?.slice(-close.length), close);
      assert.equal(session.retainedBytes + session.reorderBytes + session.streamCount, 0);
    }
  });
}

Deno.test("Lane.receiveDatagram() ends the session on a datagram without a number, and takes one without frames", () => {
  for (const empty of [new Uint8Array(0), Uint8Array.of(0), Uint8Array.of(0x80, 0)]) {
    assert.deepEqual(makeReceiver("core").receiveDatagram(empty), ["error frame_encoding"]);
  }
  assert.deepEqual(makeReceiver("core").receiveDatagram(datagram(1)), []);
});

Deno.test("Lane.receiveDatagram() answers a datagram cut at any byte with events, never with an exception", () => {
  const whole = datagram(
    300,
    frame({ length: 70 }),
    frame({ type: STREAM_DATA, offset: 71, length: 300 }),
    reset(2),
    frame({ type: STREAM_END, offset: 372, length: 4 }),
  );
  for (let length = 0; length <= whole.length; length++) {
    const { session, receiveDatagram } = makeReceiver("core");
    const events = receiveDatagram(whole.slice(0, length));
    const isError = events.at(-1)?.startsWith("error") ?? false;
    assert.equal(session.state, isError ? "ended" : "open");
    if (isError) assert.equal(events.at(-1), "error frame_encoding");
  }
});

Deno.test("Session ends with lane_ack on a report of datagrams that were not sent", () => {
  for (const report of [{ highest: 1, received: 1 }, { highest: 0, received: 1 }]) {
    const { receive } = makeReceiver("core");
    assert.deepEqual(receive(encodeFrame((writer) => writeDatagramReportFrame(writer, report))), [
      "error lane_ack",
    ]);
  }
});

Deno.test("Session takes nothing more from a datagram once a frame of it ended the session", () => {
  const { session, receiveDatagram } = makeReceiver("core");
  const events = receiveDatagram(datagram(1, frame({ streamId: 0 }), frame({ streamId: 1 })));
  assert.deepEqual(events, ["error stream_id"]);
  assert.equal(session.streamCount, 0);
});
