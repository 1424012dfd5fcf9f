import assert from "node:assert/strict";
import { writeCloseFrame } from "../../../shared/tunnel/close_frame.ts";
import { writeCreditFrame } from "../../../shared/tunnel/credit_frame.ts";
import {
  STREAM_DATA,
  STREAM_END,
  STREAM_HEAD,
  STREAM_INFORMATIONAL,
} from "../../../shared/tunnel/frame_type.ts";
import type { StreamFrameType } from "../../../shared/tunnel/frame_type.ts";
import { writeGoawayFrame } from "../../../shared/tunnel/goaway_frame.ts";
import { writeLaneAckFrame } from "../../../shared/tunnel/lane_ack_frame.ts";
import { writeResetFrame } from "../../../shared/tunnel/reset_frame.ts";
import { DEFAULT_REDUNDANCY } from "../../../shared/tunnel/redundancy.ts";
import { Session } from "../../../shared/tunnel/session.ts";
import { SESSION_ERROR_NUMBERS, type SessionErrorCode } from "../../../shared/tunnel/session_error_code.ts";
import type { SessionEvent } from "../../../shared/tunnel/session_event.ts";
import { DEFAULT_SESSION_LIMITS, type SessionLimits } from "../../../shared/tunnel/session_limits.ts";
import { writeStreamFrame } from "../../../shared/tunnel/stream_frame.ts";
import type { FrameWriter } from "../../../shared/tunnel/varint.ts";
import { concatBytes, encodeFrame } from "./encode_frame.ts";
import { STREAM_LANE } from "./lane_traits.ts";

interface Frame {
  type?: StreamFrameType;
  id?: number;
  offset?: number;
  length?: number;
}

function stream(frame: Frame): (writer: FrameWriter) => void {
  const { type = STREAM_HEAD, id = 1, offset = 0, length = 0 } = frame;
  return (writer) => writeStreamFrame(writer, { type, streamId: id, offset, bytes: new Uint8Array(length) });
}

function receive(session: Session<string>, bytes: Uint8Array): SessionEvent<string>[] {
  const lane = session.attachLane(0, STREAM_LANE);
  assert.ok(lane !== null);
  lane.receive(bytes, 0);
  const events: SessionEvent<string>[] = [];
  for (let event = session.nextEvent(); event !== null; event = session.nextEvent()) {
    if (event.kind === "open") event.stream.owner = "owner";
    events.push(event);
  }
  const output = lane.takeOutput(0);
  const last = events.at(-1);
  if (last?.kind === "error") {
    const close = encodeFrame((writer) => writeCloseFrame(writer, SESSION_ERROR_NUMBERS[last.code]));
    assert.deepEqual(output?.slice(-close.length), close, "CLOSE tells the peer why");
    assert.equal(session.state, "ended");
    assert.equal(session.streamCount + session.retainedBytes + session.reorderBytes, 0);
  }
  return events;
}

const DATA_65K = { type: STREAM_DATA, length: 65_536 } as const;

const AT_THE_CORE: [string, SessionErrorCode, ((writer: FrameWriter) => void)[], Partial<SessionLimits>?][] =
  [
    ["an unknown frame type", "unknown_frame", [(writer) => writer.bytes(Uint8Array.of(0x1f, 0))]],
    ["a frame above its size", "frame_size", [(writer) => writer.bytes(Uint8Array.of(0x21, 0x40, 0x40))]],
    ["a PING without a token", "frame_encoding", [(writer) => writer.bytes(Uint8Array.of(0x21, 0))]],
    ["stream id 0", "stream_id", [stream({ id: 0 })]],
    ["credit for a stream that was never opened", "stream_id", [
      (writer) => writeCreditFrame(writer, { streamId: 1, limit: 1 }),
    ]],
    ["a stream above the edge's GOAWAY", "stream_id", [
      (writer) => writeGoawayFrame(writer, { lastStreamId: 1, reason: 0 }),
      stream({ id: 2 }),
    ]],
    ["a GOAWAY below a seen stream", "stream_id", [
      stream({ id: 5 }),
      (writer) => writeGoawayFrame(writer, { lastStreamId: 4, reason: 0 }),
    ]],
    [
      "more streams than can be under way",
      "stream_limit",
      Array.from({ length: 1026 }, (_, i) => stream({ id: i + 1 })),
      { maxStreams: 1 },
    ],
    ["data before the head", "stream_order", [stream({ type: STREAM_DATA })]],
    ["an informational head in a request", "stream_order", [stream({ type: STREAM_INFORMATIONAL })]],
    ["two heads", "stream_order", [stream({}), stream({ offset: 1 })]],
    ["data after the end", "stream_order", [
      stream({}),
      stream({ type: STREAM_END, offset: 1 }),
      stream({ type: STREAM_DATA, offset: 2 }),
    ]],
    ["data ahead of the end's own place", "stream_order", [
      stream({}),
      stream({ type: STREAM_DATA, offset: 5 }),
      stream({ type: STREAM_END, offset: 1, length: 3 }),
    ]],
    ["frames that overlap", "offset", [
      stream({}),
      stream({ type: STREAM_DATA, offset: 3, length: 1 }),
      stream({ type: STREAM_DATA, offset: 1, length: 5 }),
    ]],
    ["data beyond its credit", "credit", [
      stream({}),
      ...[0, 1, 2, 3].map((i) => stream({ ...DATA_65K, offset: 1 + i * 65_537 })),
    ]],
    ["an offset beyond its credit", "credit", [stream({}), stream({ type: STREAM_DATA, offset: 2 ** 50 })]],
    ["an acknowledgement of what was never sent", "lane_ack", [(writer) => writeLaneAckFrame(writer, 1)]],
    ["more ahead of its predecessor than can be kept", "reorder_overflow", [
      stream({}),
      stream({ type: STREAM_DATA, offset: 2, length: 2000 }),
    ], { maxReorderBytes: 1000 }],
    [
      "ids with gaps without end",
      "id_gaps",
      Array.from(
        { length: 1030 },
        (_, i) => (writer: FrameWriter) => writeResetFrame(writer, { streamId: 2 * i + 2, code: 1 }),
      ),
      { maxStreams: 1 },
    ],
  ];

for (const [what, code, frames, limits] of AT_THE_CORE) {
  Deno.test(`Session of a core ends with ${code} on ${what}`, () => {
    const session = new Session<string>({
      role: "core",
      limits: { ...DEFAULT_SESSION_LIMITS, ...limits },
      redundancy: DEFAULT_REDUNDANCY,
      now: 0,
    });
    const events = receive(session, concatBytes(...frames.map(encodeFrame)));
    const last = events.at(-1);
    assert.equal(last?.kind === "error" ? last.code : last?.kind, code);
  });
}

const AT_THE_EDGE: [string, SessionErrorCode, (writer: FrameWriter) => void][] = [
  ["a frame for a stream that it never opened", "stream_id", stream({ id: 2 })],
  [
    "a reset of a stream that it never opened",
    "stream_id",
    (writer) => writeResetFrame(writer, { streamId: 2, code: 1 }),
  ],
  [
    "a GOAWAY beyond its last stream",
    "stream_id",
    (writer) => writeGoawayFrame(writer, { lastStreamId: 2, reason: 0 }),
  ],
  ["an end before the head", "stream_order", stream({ type: STREAM_END })],
];

for (const [what, code, frame] of AT_THE_EDGE) {
  Deno.test(`Session of an edge ends with ${code} on ${what}`, () => {
    const session = new Session<string>({
      role: "edge",
      limits: DEFAULT_SESSION_LIMITS,
      redundancy: DEFAULT_REDUNDANCY,
      now: 0,
    });
    session.openStream(new Uint8Array(0), "owner");
    const events = receive(session, encodeFrame(frame));
    assert.deepEqual(events.map((event) => event.kind), ["reset", "error"]);
    const last = events.at(-1);
    assert.equal(last?.kind === "error" ? last.code : "", code);
  });
}

Deno.test("Session ends with retention_overflow when the peer makes it answer and acknowledges nothing", () => {
  const limits = { ...DEFAULT_SESSION_LIMITS, maxRetainedBytes: 100 };
  const session = new Session<string>({ role: "core", limits, redundancy: DEFAULT_REDUNDANCY, now: 0 });
  const lane = session.attachLane(0, STREAM_LANE);
  assert.ok(lane !== null);
  let last = "";
  for (let id = 1; id < 100 && last !== "error"; id++) {
    lane.receive(encodeFrame(stream({ id })), 0);
    for (let event = session.nextEvent(); event !== null; event = session.nextEvent()) {
      last = event.kind;
      if (event.kind === "open") event.stream.reset(1);
    }
  }
  assert.equal(last, "error");
});

Deno.test("Session of a core takes as many streams more than agreed as closed ones may still be under way", () => {
  const session = new Session<string>({
    role: "core",
    limits: { ...DEFAULT_SESSION_LIMITS, maxStreams: 1 },
    redundancy: DEFAULT_REDUNDANCY,
    now: 0,
  });
  const heads = Array.from({ length: 1025 }, (_, i) => encodeFrame(stream({ id: i + 1 })));
  assert.equal(receive(session, concatBytes(...heads)).length, 1025);
  assert.equal(session.streamCount, 1025);
});

Deno.test("Session ignores extension frames", () => {
  const session = new Session<string>({
    role: "core",
    limits: DEFAULT_SESSION_LIMITS,
    redundancy: DEFAULT_REDUNDANCY,
    now: 0,
  });
  const extension = Uint8Array.of(0x42, 0x03, 1, 2, 3);
  const events = receive(session, concatBytes(extension, encodeFrame(stream({})), extension));
  assert.deepEqual(events.map((event) => event.kind), ["open"]);
});

Deno.test("Session delivers frames that came before their predecessors when the gap fills", () => {
  const session = new Session<string>({
    role: "core",
    limits: DEFAULT_SESSION_LIMITS,
    redundancy: DEFAULT_REDUNDANCY,
    now: 0,
  });
  const data = stream({ type: STREAM_DATA, offset: 3, length: 4 });
  const end = stream({ type: STREAM_END, offset: 8 });
  const early = concatBytes(encodeFrame(end), encodeFrame(data), encodeFrame(data));
  assert.deepEqual(receive(session, early), []);
  assert.equal(session.streamCount, 1);
  assert.ok(session.reorderBytes > 0);
  const events = receive(session, encodeFrame(stream({ length: 2 })));
  assert.deepEqual(events.map((event) => event.kind), ["open", "data", "end"]);
  assert.equal(session.reorderBytes, 0);
});

Deno.test("Session says nothing of a stream that is reset before its head comes", () => {
  const session = new Session<string>({
    role: "core",
    limits: DEFAULT_SESSION_LIMITS,
    redundancy: DEFAULT_REDUNDANCY,
    now: 0,
  });
  const reset = encodeFrame((writer) => writeResetFrame(writer, { streamId: 1, code: 1 }));
  const ahead = encodeFrame(stream({ type: STREAM_DATA, offset: 1, length: 4 }));
  assert.deepEqual(receive(session, concatBytes(ahead, reset, encodeFrame(stream({})))), []);
  assert.equal(session.streamCount, 0);
  assert.equal(session.reorderBytes, 0);
});
