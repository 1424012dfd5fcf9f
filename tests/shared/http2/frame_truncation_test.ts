import assert from "node:assert/strict";
import { FLAG, FRAME_HEAD_BYTES } from "../../../shared/http2/frame.ts";
import { paddedDataLength } from "../../../shared/http2/data_frame.ts";
import { parseGoawayFrame, writeGoawayFrame } from "../../../shared/http2/goaway_frame.ts";
import { parseHeadersFrame } from "../../../shared/http2/headers_frame.ts";
import { checkPingFrame, PING_FRAME_BYTES, writePingFrame } from "../../../shared/http2/ping_frame.ts";
import { checkPriorityFrame } from "../../../shared/http2/priority_frame.ts";
import { parseRstStreamFrame, writeRstStreamFrame } from "../../../shared/http2/rst_stream_frame.ts";
import {
  parseSettingsFrame,
  settingsFrameBytes,
  writeSettingsFrame,
} from "../../../shared/http2/settings_frame.ts";
import { parseWindowUpdateFrame, writeWindowUpdateFrame } from "../../../shared/http2/window_update_frame.ts";

const FRAME_SIZE_ERROR = { name: "Http2Error", errorCode: 6 };
const PROTOCOL_ERROR = { name: "Http2Error", errorCode: 1 };

/** Every proper prefix of `payload`, and `payload` with a byte too many, must be refused. */
function refusesEveryCut(payload: Uint8Array, parse: (payload: Uint8Array) => unknown): void {
  for (let length = 0; length < payload.length; length++) {
    assert.throws(() => parse(payload.subarray(0, length)), FRAME_SIZE_ERROR, `${length} bytes`);
  }
  const longer = new Uint8Array(payload.length + 1);
  longer.set(payload);
  assert.throws(() => parse(longer), FRAME_SIZE_ERROR);
}

function payloadOf(bytes: number, write: (target: Uint8Array) => void): Uint8Array {
  const target = new Uint8Array(bytes);
  write(target);
  return target.subarray(FRAME_HEAD_BYTES);
}

Deno.test("parseRstStreamFrame() reads what was written and refuses every cut", () => {
  const payload = payloadOf(
    13,
    (target) => writeRstStreamFrame(target, { streamId: 3, errorCode: 0xdeadbeef }),
  );
  assert.equal(parseRstStreamFrame(payload, 3), 0xdeadbeef);
  assert.throws(() => parseRstStreamFrame(payload, 0), PROTOCOL_ERROR);
  refusesEveryCut(payload, (cut) => parseRstStreamFrame(cut, 3));
});

Deno.test("parseWindowUpdateFrame() reads what was written and refuses every cut", () => {
  const payload = payloadOf(
    13,
    (target) => writeWindowUpdateFrame(target, { streamId: 3, increment: 0x7fffffff }),
  );
  assert.equal(parseWindowUpdateFrame(payload, 3), 0x7fffffff);
  refusesEveryCut(payload, (cut) => parseWindowUpdateFrame(cut, 3));
});

Deno.test("parseWindowUpdateFrame() takes increment 0 for an error of what it names", () => {
  const zero = new Uint8Array(4);
  assert.throws(() => parseWindowUpdateFrame(zero, 3), { ...PROTOCOL_ERROR, streamId: 3 });
  assert.throws(() => parseWindowUpdateFrame(zero, 0), { ...PROTOCOL_ERROR, streamId: 0 });
});

Deno.test("checkPingFrame() reads what was written and refuses every cut", () => {
  const opaque = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
  const payload = payloadOf(PING_FRAME_BYTES, (target) => writePingFrame(target, { opaque, isAck: true }));
  assert.deepEqual(payload, opaque);
  assert.equal(checkPingFrame(payload, { flags: FLAG.ACK, streamId: 0 }), true);
  assert.throws(() => checkPingFrame(payload, { flags: 0, streamId: 1 }), PROTOCOL_ERROR);
  refusesEveryCut(payload, (cut) => checkPingFrame(cut, { flags: 0, streamId: 0 }));
});

Deno.test("parseGoawayFrame() reads what was written and refuses every cut", () => {
  const payload = payloadOf(17, (target) => writeGoawayFrame(target, { lastStreamId: 7, errorCode: 11 }));
  assert.deepEqual(parseGoawayFrame(payload, 0), { lastStreamId: 7, errorCode: 11 });
  assert.throws(() => parseGoawayFrame(payload, 1), PROTOCOL_ERROR);
  for (let length = 0; length < payload.length; length++) {
    assert.throws(() => parseGoawayFrame(payload.subarray(0, length), 0), FRAME_SIZE_ERROR);
  }
});

Deno.test("checkPriorityFrame() refuses every cut, stream 0 and a dependency on itself", () => {
  const payload = Uint8Array.of(0, 0, 0, 1, 16);
  checkPriorityFrame(payload, 3);
  assert.throws(() => checkPriorityFrame(payload, 0), PROTOCOL_ERROR);
  assert.throws(() => checkPriorityFrame(payload, 1), PROTOCOL_ERROR);
  refusesEveryCut(payload, (cut) => checkPriorityFrame(cut, 3));
});

Deno.test("parseSettingsFrame() reads what was written and refuses every cut", () => {
  const settings = [[3, 128], [4, 262144], [0x99, 5]] as const;
  const payload = payloadOf(settingsFrameBytes(settings), (target) => writeSettingsFrame(target, settings));
  assert.deepEqual(parseSettingsFrame(payload, { flags: 0, streamId: 0 }), settings);
  for (let length = 1; length < payload.length; length++) {
    if (length % 6 === 0) continue;
    const cut = payload.subarray(0, length);
    assert.throws(() => parseSettingsFrame(cut, { flags: 0, streamId: 0 }), FRAME_SIZE_ERROR);
  }
  assert.throws(() => parseSettingsFrame(payload, { flags: FLAG.ACK, streamId: 0 }), FRAME_SIZE_ERROR);
  assert.throws(() => parseSettingsFrame(payload, { flags: 0, streamId: 1 }), PROTOCOL_ERROR);
});

Deno.test("parseSettingsFrame() refuses values out of range", () => {
  const wrong: [id: number, value: number, errorCode: number][] = [
    [2, 2, 1],
    [4, 0x80000000, 3],
    [5, 16383, 1],
    [5, 0x1000000, 1],
    [8, 2, 1],
  ];
  for (const [id, value, errorCode] of wrong) {
    const payload = payloadOf(15, (target) => writeSettingsFrame(target, [[id, value]]));
    assert.throws(() => parseSettingsFrame(payload, { flags: 0, streamId: 0 }), {
      name: "Http2Error",
      errorCode,
    });
  }
});

Deno.test("parseHeadersFrame() takes padding and priority off and refuses every cut into them", () => {
  const payload = Uint8Array.of(2, 0, 0, 0, 1, 16, 0x82, 0x84, 0, 0);
  const flags = FLAG.PADDED | FLAG.PRIORITY;
  assert.deepEqual([...parseHeadersFrame(payload, { flags, streamId: 3 })], [0x82, 0x84]);
  assert.throws(() => parseHeadersFrame(payload, { flags, streamId: 0 }), PROTOCOL_ERROR);
  assert.throws(() => parseHeadersFrame(payload, { flags, streamId: 1 }), PROTOCOL_ERROR);
  for (let length = 0; length < 8; length++) {
    assert.throws(() => parseHeadersFrame(payload.subarray(0, length), { flags, streamId: 3 }), {
      name: "Http2Error",
    });
  }
});

Deno.test("paddedDataLength() refuses padding as long as the frame", () => {
  assert.equal(paddedDataLength(10, 9), 0);
  assert.throws(() => paddedDataLength(10, 10), PROTOCOL_ERROR);
});
