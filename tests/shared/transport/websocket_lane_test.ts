import assert from "node:assert/strict";
import { writeWhole } from "../../../shared/transport/write_whole.ts";
import { CLOSE_CODE } from "../../../shared/websocket/close_payload.ts";
import { OPCODE } from "../../../shared/websocket/opcode.ts";
import { WebSocketViolation } from "../../../shared/websocket/websocket_violation.ts";
import { writeOpeningAnswer } from "../../../shared/websocket/opening_answer.ts";
import { LANE_SUBPROTOCOL } from "../../../shared/transport/websocket_lane.ts";
import { closeQuietly, connectPair, dialLoopback, listenOnLoopback, readExactly } from "./lane_fixture.ts";
import { frameBytes, openByHand, readEvents, readToEnd, serveByHand } from "./raw_websocket.ts";

const BEAT = new TextEncoder().encode("beat");

function acceptAll(head: { fields: { get(name: string): string | undefined } }): Uint8Array {
  const key = head.fields.get("sec-websocket-key") ?? assert.fail("no key");
  return writeOpeningAnswer({ key, protocol: LANE_SUBPROTOCOL });
}

Deno.test("WebSocketLane.read() joins fragments, skips what is empty and answers pings between them", async () => {
  const listener = listenOnLoopback("websocket");
  const { raw, lane } = await openByHand(listener);
  await writeWhole(raw, frameBytes(OPCODE.binary, Uint8Array.of(1, 2), { isFinal: false }));
  await writeWhole(raw, frameBytes(OPCODE.ping, BEAT));
  await writeWhole(raw, frameBytes(OPCODE.continuation, Uint8Array.of(3)));
  await writeWhole(raw, frameBytes(OPCODE.binary, new Uint8Array(0)));
  await writeWhole(raw, frameBytes(OPCODE.pong, BEAT));
  await writeWhole(raw, frameBytes(OPCODE.binary, Uint8Array.of(4)));
  assert.deepEqual([...await readExactly(lane, 4)], [1, 2, 3, 4]);
  const [pong] = await readEvents(raw, { role: "client", isEnough: (events) => events.length > 0 });
  assert.deepEqual(pong, { kind: "pong", payload: BEAT });
  closeQuietly(raw, lane, listener);
});

Deno.test("WebSocketLane.read() leaves nothing in the buffer behind what it returns", async () => {
  const listener = listenOnLoopback("websocket");
  const { raw, lane } = await openByHand(listener);
  const messages = [1, 2, 3].map((byte) => frameBytes(OPCODE.binary, new Uint8Array(100).fill(byte)));
  await writeWhole(raw, new Uint8Array(messages.flatMap((message) => [...message])));
  const read: number[] = [];
  while (read.length < 300) {
    const buffer = new Uint8Array(1_000);
    const length = await lane.read(buffer) ?? assert.fail("the end");
    assert.ok(buffer.subarray(length).every((byte) => byte === 0), "behind the end");
    read.push(...buffer.subarray(0, length));
  }
  assert.deepEqual(read, Array.from({ length: 300 }, (_, index) => Math.floor(index / 100) + 1));
  closeQuietly(raw, lane, listener);
});

for (
  const [name, bytes, closeCode] of [
    ["text", frameBytes(OPCODE.text, BEAT), CLOSE_CODE.unsupportedType],
    ["an unmasked frame", frameBytes(OPCODE.binary, BEAT, { isMasked: false }), CLOSE_CODE.protocolError],
  ] as const
) {
  Deno.test(`WebSocketLane.read() rejects ${name} and says so to the peer`, async () => {
    const listener = listenOnLoopback("websocket");
    const { raw, lane } = await openByHand(listener);
    await writeWhole(raw, bytes);
    await assert.rejects(lane.read(new Uint8Array(100)), WebSocketViolation);
    const [close] = await readEvents(raw, { role: "client", isEnough: (events) => events.length > 0 });
    assert.deepEqual(close, { kind: "close", code: closeCode, reason: "" });
    await assert.rejects(lane.read(new Uint8Array(100)));
    closeQuietly(raw, lane, listener);
  });
}

Deno.test("WebSocketLane.read() gives null behind a close frame, and rejects where the peer left without one", async () => {
  const listener = listenOnLoopback("websocket");
  const ended = await openByHand(listener);
  const close = frameBytes(OPCODE.close, Uint8Array.of(0x03, 0xe8));
  await writeWhole(ended.raw, new Uint8Array([...frameBytes(OPCODE.binary, BEAT), ...close]));
  assert.deepEqual(await readExactly(ended.lane, BEAT.length), BEAT);
  for (let again = 0; again < 2; again++) assert.equal(await ended.lane.read(new Uint8Array(10)), null);
  const cutOff = await openByHand(listener);
  await writeWhole(cutOff.raw, frameBytes(OPCODE.binary, BEAT).subarray(0, 7));
  await cutOff.raw.closeWrite();
  await readExactly(cutOff.lane, 1);
  await assert.rejects(cutOff.lane.read(new Uint8Array(10)), Deno.errors.UnexpectedEof);
  closeQuietly(ended.raw, ended.lane, cutOff.raw, cutOff.lane, listener);
});

Deno.test("WebSocketLane.write() sends each call as one masked message in one piece", async () => {
  const peer = serveByHand(acceptAll);
  const dialled = await dialLoopback("websocket", peer.address);
  const raw = await peer.accepted;
  const keys = new Set<string>();
  for (let call = 0; call < 20; call++) {
    assert.equal(await dialled.write(BEAT), BEAT.length);
    const buffer = new Uint8Array(100);
    // A TLS record is read whole, and each write is one.
    const length = await raw.read(buffer) ?? assert.fail("the end");
    assert.equal(length, 2 + 4 + BEAT.length);
    assert.deepEqual([...buffer.subarray(0, 2)], [0x82, 0x80 | BEAT.length]);
    keys.add(buffer.subarray(2, 6).toHex());
    assert.deepEqual(buffer.slice(6, 10).map((byte, index) => byte ^ (buffer[2 + index] ?? 0)), BEAT);
  }
  assert.ok(keys.size > 15, "masks differ");
  closeQuietly(dialled, raw, peer);
});

Deno.test("WebSocketLane.closeWrite() is the last that goes out", async () => {
  const listener = listenOnLoopback("websocket");
  const { raw, lane } = await openByHand(listener);
  await lane.write(BEAT);
  await lane.closeWrite();
  await lane.closeWrite();
  await assert.rejects(lane.write(BEAT));
  await writeWhole(raw, frameBytes(OPCODE.ping, BEAT));
  await writeWhole(raw, frameBytes(OPCODE.binary, BEAT));
  assert.deepEqual(await readExactly(lane, BEAT.length), BEAT);
  const events = await readEvents(raw, {
    role: "client",
    isEnough: (all) => all.some((event) => event.kind === "close"),
  });
  assert.deepEqual(events.map((event) => event.kind), ["data", "close"]);
  lane.close();
  assert.equal(await readToEnd(raw), "");
  closeQuietly(raw, listener);
});

Deno.test("WebSocketLane.write() takes the front of what is too long for one message", async () => {
  const { dialled, accepted, listener } = await connectPair("websocket");
  const bytes = new Uint8Array(200_000).map((_, index) => index % 251);
  const taken = await dialled.write(bytes);
  assert.ok(taken >= 60_000 && taken < bytes.length, `${taken}`);
  assert.deepEqual(await readExactly(accepted, taken), bytes.subarray(0, taken));
  assert.equal(await dialled.write(new Uint8Array(0)), 0);
  closeQuietly(dialled, accepted, listener);
});
