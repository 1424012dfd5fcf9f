/** How many copies go out, and where: by the measured loss, over datagrams or a second stream lane. */
import assert from "node:assert/strict";
import { COPY, DATAGRAM_REPORT } from "../../../shared/tunnel/frame_type.ts";
import { FrameSplitter } from "../../../shared/tunnel/frame_splitter.ts";
import type { Lane } from "../../../shared/tunnel/lane.ts";
import { encodeFrame } from "./encode_frame.ts";
import { bytesOf, SessionPair, type Stream } from "./session_pair.ts";

/** A token in each `everyMs`, for so long. */
function sendTokens(
  pair: SessionPair,
  stream: Stream,
  { forMs, everyMs = 10 }: { forMs: number; everyMs?: number },
): void {
  for (let at = 0; at < forMs; at += everyMs) {
    stream.sendData(bytesOf("token"));
    pair.advance(everyMs);
  }
}

function redundancyEvents(pair: SessionPair): string[] {
  return pair.takeEvents().edge.filter((event) => event.startsWith("redundancy"));
}

Deno.test("Session copies small frames as soon as loss is reported, and stops half a minute after the last", () => {
  const pair = new SessionPair();
  const lane = pair.join({ carriesDatagrams: true, delayMs: 10 });
  const stream = pair.open("head");
  sendTokens(pair, stream, { forMs: 3_000 });
  assert.equal(pair.edge.copiesPerFrame, 0);
  assert.equal(lane.edge.lossShare, 0);
  lane.losesOneIn = 8;
  sendTokens(pair, stream, { forMs: 3_000 });
  assert.equal(pair.edge.copiesPerFrame, 3);
  assert.ok((lane.edge.lossShare ?? 0) > 0.02);
  assert.deepEqual(redundancyEvents(pair).at(-1), "redundancy 3");
  const before = pair.edge.stats.copiesSent;
  sendTokens(pair, stream, { forMs: 100 });
  assert.ok(pair.edge.stats.copiesSent - before >= 20, "each frame is copied");
  lane.losesOneIn = 0;
  sendTokens(pair, stream, { forMs: 25_000 });
  assert.equal(pair.edge.copiesPerFrame, 3);
  sendTokens(pair, stream, { forMs: 60_000 });
  assert.equal(pair.edge.copiesPerFrame, 0);
  assert.deepEqual(redundancyEvents(pair).at(-1), "redundancy 0");
});

Deno.test("Session measures the loss of a lane on which nothing is sent", () => {
  const pair = new SessionPair();
  const lane = pair.join({ carriesDatagrams: true, delayMs: 10 });
  pair.advance(40_000);
  assert.equal(lane.edge.lossShare, 0);
  assert.equal(lane.core.lossShare, 0);
  lane.losesDatagrams = true;
  pair.advance(2_000);
  lane.losesDatagrams = false;
  pair.advance(5_000);
  assert.ok((lane.edge.lossShare ?? 0) > 0.02, "a gap in the numbers is a loss");
});

Deno.test("Session spreads copies over the lanes with datagrams, those apart from the tokens' own first", () => {
  const pair = new SessionPair({}, { mode: "always", spacingMs: 5 });
  const own = pair.join({ carriesDatagrams: true, delayMs: 10 });
  const other = pair.join({ carriesDatagrams: true, delayMs: 12 });
  pair.advance(1_500);
  assert.equal(own.edge.carries, "tokens");
  pair.open("head");
  const first = other.edge.takeDatagram(pair.now, 1162);
  assert.ok(first !== null && first.length > 1, "the first copy goes over the other");
  assert.equal(own.edge.takeDatagram(pair.now, 1162), null);
  pair.edge.handleTimeout(pair.now + 5);
  const second = own.edge.takeDatagram(pair.now + 5, 1162);
  assert.deepEqual(second?.slice(-8), first.slice(-8));
});

Deno.test("Session sends copies that wait elsewhere when their lane closes", () => {
  const pair = new SessionPair({}, { mode: "always" });
  pair.join({ carriesDatagrams: true, delayMs: 10 });
  const copying = pair.join({ carriesDatagrams: true, delayMs: 12 });
  pair.advance(1_500);
  pair.lanes[0]?.edge.takeDatagram(pair.now, 1162);
  let due = 0;
  const own = pair.lanes[0]?.edge;
  assert.ok(own !== undefined);
  own.onDatagram = () => due++;
  pair.open("head");
  assert.equal(due, 0);
  pair.close(copying);
  assert.equal(due, 1);
  assert.ok((own.takeDatagram(pair.now, 1162)?.length ?? 0) > 1);
});

Deno.test("Session says when a copy of a later rank is due, once, and not before its lane has let go of the others", () => {
  const pair = new SessionPair({}, { mode: "always", spacingMs: 5 });
  const lane = pair.join({ carriesDatagrams: true, delayMs: 10 });
  pair.advance(1_500);
  let told = 0;
  lane.edge.onDatagram = () => told++;
  pair.open("head");
  assert.equal(told, 1);
  let changes = 0;
  pair.edge.onTimeoutChange = () => changes++;
  assert.ok(lane.edge.takeDatagram(pair.now, 1162) !== null);
  // The driver is busy with the first: it asks again by itself.
  assert.ok((pair.edge.nextTimeout() ?? 0) > pair.now + 5);
  assert.equal(lane.edge.takeDatagram(pair.now, 1162), null);
  assert.equal(pair.edge.nextTimeout(), pair.now + 5);
  assert.ok(changes > 0, "whoever waits for the next time-out learns that it moved up");
  pair.edge.handleTimeout(pair.now + 5);
  assert.equal(told, 2);
  assert.ok((pair.edge.nextTimeout() ?? 0) > pair.now + 5, "told once");
  assert.ok(lane.edge.takeDatagram(pair.now + 5, 1162) !== null);
});

Deno.test("Session reports datagrams to their sender at once when many came", () => {
  const pair = new SessionPair();
  const lane = pair.join({ carriesDatagrams: true });
  pair.advance(10);
  let outputs = 0;
  while (lane.core.takeOutput(pair.now) !== null) assert.fail("output is left");
  lane.core.onOutput = () => outputs++;
  for (let number = 10; number < 80; number++) {
    lane.core.receiveDatagram(encodeFrame((writer) => writer.varint(number)), pair.now);
  }
  assert.equal(outputs, 1);
  assert.deepEqual(outputTypes(lane.core, pair.now), [DATAGRAM_REPORT]);
});

/** Types of the frames that the lane would send now. */
function outputTypes(lane: Lane, now: number): number[] {
  const chunk = lane.takeOutput(now);
  if (chunk === null) return [];
  const splitter = new FrameSplitter();
  splitter.feed(chunk);
  const types: number[] = [];
  while (splitter.next()) types.push(splitter.type);
  lane.outputWritten(chunk);
  return types;
}

Deno.test("Session sends COPY frames on a second lane when there are no datagrams and acknowledgements are late", () => {
  const pair = new SessionPair({ ackDelayMs: 0 });
  const own = pair.join({ delayMs: 10 });
  const second = pair.join({ delayMs: 12 });
  const stream = pair.open("head");
  sendTokens(pair, stream, { forMs: 3_000 });
  assert.equal(own.edge.carries, "tokens");
  assert.equal(pair.edge.copiesPerFrame, 0);
  assert.equal(pair.edge.stats.copiesSent, 0);
  for (let i = 0; i < 60; i++) {
    own.delayMs = i % 3 === 0 ? 60 : 10;
    sendTokens(pair, stream, { forMs: 100, everyMs: 50 });
  }
  assert.equal(pair.edge.copiesPerFrame, 1);
  const other = own.edge.carries === "tokens" ? second : own;
  stream.sendData(bytesOf("token"));
  assert.deepEqual(outputTypes(other.edge, pair.now), [COPY]);
});

Deno.test("Session delivers a COPY frame that comes before the token on its slow lane", () => {
  const pair = new SessionPair({}, { mode: "always" });
  const own = pair.join({ delayMs: 10 });
  pair.join({ delayMs: 14 });
  pair.advance(1_500);
  const stream = pair.open("head");
  pair.advance(100);
  pair.takeEvents();
  own.isHeld = true;
  stream.sendData(bytesOf("token"));
  pair.advance(20);
  assert.deepEqual(pair.takeEvents().core, ["data 1 token"]);
  own.isHeld = false;
  pair.advance(100);
  assert.deepEqual(pair.takeEvents().core, []);
  assert.ok(pair.core.stats.copiesUseful > 0);
});

Deno.test("Session with one stream lane sends no copies: there is no second path", () => {
  const pair = new SessionPair({}, { mode: "always" });
  pair.join({ delayMs: 10 });
  const stream = pair.open("head");
  sendTokens(pair, stream, { forMs: 1_000 });
  assert.equal(pair.edge.stats.copiesSent, 0);
});

Deno.test("Session samples a frame now and then while no copies are needed", () => {
  const pair = new SessionPair();
  pair.join({ carriesDatagrams: true, delayMs: 10 });
  const stream = pair.open("head");
  pair.advance(1_000);
  const before = pair.edge.stats.copiesSent;
  sendTokens(pair, stream, { forMs: 1_000, everyMs: 1 });
  const copies = pair.edge.stats.copiesSent - before;
  assert.equal(pair.edge.copiesPerFrame, 0);
  assert.ok(copies >= 20 && copies <= 60, `${copies} of 1,000 frames`);
});
