import assert from "node:assert/strict";
import { STREAM_DATA } from "../../../shared/tunnel/frame_type.ts";
import { bytesOf, type JoinedLane, SessionPair } from "./session_pair.ts";

const NO_BYTES = new Uint8Array(0);

/** A pair that copies every small frame, over one lane with datagrams. */
function joinedPair(): { pair: SessionPair; lane: JoinedLane } {
  const pair = new SessionPair({}, { mode: "always", spacingMs: 3 });
  const lane = pair.join({ carriesDatagrams: true });
  pair.advance(50);
  pair.takeEvents();
  return { pair, lane };
}

Deno.test("Session delivers a copy that comes first, and drops what it is a copy of", () => {
  const { pair, lane } = joinedPair();
  lane.isHeld = true;
  const stream = pair.open("head");
  stream.sendData(bytesOf("token"));
  stream.sendEnd(bytesOf("trailers"));
  pair.move();
  assert.deepEqual(pair.takeEvents().core, ["open 1 head", "data 1 token", "end 1 trailers"]);
  assert.equal(pair.core.stats.copiesUseful, 3);
  assert.ok(pair.edge.retainedBytes > 0, "a copy acknowledges nothing");
  lane.isHeld = false;
  pair.advance(100);
  assert.deepEqual(pair.takeEvents().core, []);
  assert.equal(pair.core.stats.framesDropped, 3);
  assert.equal(pair.edge.retainedBytes, 0);
});

Deno.test("Session carries answers by copies, informational heads included", () => {
  const { pair, lane } = joinedPair();
  pair.open("head").sendEnd(NO_BYTES);
  pair.advance(50);
  pair.takeEvents();
  lane.isHeld = true;
  const answer = pair.coreStream(1);
  answer.sendInformational(bytesOf("early"));
  answer.sendHead(bytesOf("200"));
  answer.sendData(bytesOf("token"));
  answer.sendEnd(NO_BYTES);
  pair.move();
  assert.deepEqual(pair.takeEvents().edge, [
    "informational 1 early",
    "head 1 200",
    "data 1 token",
    "end 1 ",
  ]);
  assert.equal(pair.edge.streamCount, 0);
  lane.isHeld = false;
  pair.advance(100);
  assert.deepEqual(pair.takeEvents().edge, []);
});

Deno.test("Session delivers frames of which every copy was lost", () => {
  const { pair, lane } = joinedPair();
  lane.losesDatagrams = true;
  const stream = pair.open("head");
  stream.sendData(bytesOf("token"));
  stream.sendEnd(NO_BYTES);
  pair.advance(100);
  assert.deepEqual(pair.takeEvents().core, ["open 1 head", "data 1 token", "end 1 "]);
  assert.ok(pair.edge.stats.copiesSent > 0);
  assert.equal(pair.core.stats.copiesReceived, 0);
});

Deno.test("Session sends a second copy a few milliseconds after the first", () => {
  const { pair, lane } = joinedPair();
  lane.isHeld = true;
  lane.losesDatagrams = true;
  pair.open("head");
  pair.move();
  lane.losesDatagrams = false;
  assert.equal(pair.edge.stats.copiesSent, 1);
  pair.advance(2);
  assert.deepEqual(pair.takeEvents().core, []);
  pair.advance(2);
  assert.deepEqual(pair.takeEvents().core, ["open 1 head"]);
  assert.equal(pair.edge.stats.copiesSent, 2);
});

Deno.test("Session does not copy what was acknowledged meanwhile", () => {
  const pair = new SessionPair({ ackDelayMs: 0 }, { mode: "always" });
  pair.join({ carriesDatagrams: true });
  pair.advance(50);
  const stream = pair.open("head");
  pair.advance(1);
  stream.sendData(bytesOf("token"));
  pair.advance(1);
  assert.equal(pair.edge.retainedBytes, 0);
  const sent = pair.edge.stats.copiesSent;
  pair.advance(20);
  assert.equal(pair.edge.stats.copiesSent, sent);
});

Deno.test("Session keeps copies that come before their predecessors, and delivers them in order", () => {
  const { pair, lane } = joinedPair();
  lane.isHeld = true;
  const stream = pair.open("head");
  pair.move();
  pair.takeEvents();
  lane.losesDatagrams = true;
  stream.sendData(bytesOf("first"));
  pair.move();
  lane.losesDatagrams = false;
  stream.sendData(bytesOf("second"));
  pair.move();
  assert.deepEqual(pair.takeEvents().core, []);
  assert.ok(pair.core.reorderBytes > 0);
  pair.advance(5);
  assert.deepEqual(pair.takeEvents().core, ["data 1 first", "data 1 second"]);
  assert.equal(pair.core.reorderBytes, 0);
});

Deno.test("Session of a core cuts a stream by a copy of the edge's RESET", () => {
  const { pair, lane } = joinedPair();
  const stream = pair.open("head");
  pair.advance(50);
  pair.takeEvents();
  lane.isHeld = true;
  stream.reset(9);
  pair.move();
  assert.deepEqual(pair.takeEvents().core, ["reset 1 9 peer"]);
  lane.isHeld = false;
  pair.advance(50);
  assert.deepEqual(pair.takeEvents().core, []);
});

Deno.test("Session of a core does not copy its RESET, which stands behind what the client is to get", () => {
  const { pair, lane } = joinedPair();
  pair.open("head");
  pair.advance(50);
  pair.takeEvents();
  lane.isHeld = true;
  const answer = pair.coreStream(1);
  const head = new Uint8Array(2000);
  answer.sendHead(head);
  answer.reset(9);
  pair.advance(10);
  assert.deepEqual(pair.takeEvents().edge, []);
  lane.isHeld = false;
  pair.advance(10);
  assert.deepEqual(pair.takeEvents().edge.map((event) => event.split(" ")[0]), ["head", "reset"]);
});

Deno.test("Session opens nothing by a copy of a stream that was reset", () => {
  const { pair, lane } = joinedPair();
  lane.isHeld = true;
  const late = pair.open("head");
  const datagram = lane.edge.takeDatagram(pair.now, 1162);
  assert.ok(datagram !== null);
  late.reset(1);
  lane.isHeld = false;
  pair.advance(50);
  lane.core.receiveDatagram(datagram, pair.now);
  assert.deepEqual(pair.takeEvents().core, []);
  assert.equal(pair.core.streamCount, 0);
});

Deno.test("Session copies no frame above the size, nor what is bulk, nor anything that is not of a stream", () => {
  const pair = new SessionPair({}, { mode: "always", maxFrameBytes: 100 });
  pair.join({ carriesDatagrams: true });
  pair.advance(50);
  const large = "x".repeat(101);
  const stream = pair.open(large);
  stream.sendData(bytesOf(large));
  stream.sendData(new Uint8Array(5_000));
  pair.core.goaway(1);
  pair.advance(50);
  assert.equal(pair.edge.stats.copiesSent + pair.core.stats.copiesSent, 0);
  stream.sendData(bytesOf("small"));
  pair.advance(50);
  assert.equal(pair.edge.stats.copiesSent, 2);
});

Deno.test("Session puts no more frames into a datagram than its size takes", () => {
  const { pair, lane } = joinedPair();
  lane.isHeld = true;
  const stream = pair.open("head");
  for (let i = 0; i < 20; i++) stream.sendData(new Uint8Array(90).fill(i));
  const sizes: number[] = [];
  for (
    let bytes = lane.edge.takeDatagram(pair.now, 300);
    bytes !== null;
    bytes = lane.edge.takeDatagram(pair.now, 300)
  ) {
    sizes.push(bytes.length);
    lane.core.receiveDatagram(bytes, pair.now);
    pair.drain();
  }
  assert.ok(sizes.length > 1 && sizes.every((size) => size <= 300), `${sizes}`);
  assert.equal(pair.takeEvents().core.filter((event) => event.startsWith("data")).length, 20);
});

Deno.test("Session takes a datagram that comes twice as one", () => {
  const { pair, lane } = joinedPair();
  lane.isHeld = true;
  pair.open("head").sendData(bytesOf("token"));
  const datagram = lane.edge.takeDatagram(pair.now, 1162);
  assert.ok(datagram !== null);
  for (let i = 0; i < 200; i++) {
    lane.core.receiveDatagram(datagram.slice(), pair.now);
    pair.drain();
  }
  lane.isHeld = false;
  pair.advance(2_000);
  assert.deepEqual(pair.takeEvents(), { edge: [], core: ["open 1 head", "data 1 token"] });
});

Deno.test("Session with redundancy off sends no copy and no datagram but the probes of loss", () => {
  const pair = new SessionPair({}, { mode: "off" });
  const lane = pair.join({ carriesDatagrams: true });
  const other = pair.join();
  lane.losesOneIn = 2;
  pair.advance(50);
  const stream = pair.open("head");
  for (let i = 0; i < 200; i++) {
    stream.sendData(bytesOf("token"));
    pair.advance(20);
  }
  pair.close(other);
  pair.advance(3_000);
  assert.equal(pair.edge.copiesPerFrame, 0);
  assert.equal(pair.edge.stats.copiesSent, 0);
  assert.equal(pair.core.stats.copiesReceived, 0);
});

Deno.test("Lane.takeDatagram() gives nothing on a lane without datagrams, nor once the lane is dead", () => {
  const pair = new SessionPair({}, { mode: "always" });
  const withNone = pair.join();
  const lane = pair.join({ carriesDatagrams: true });
  pair.open("head");
  assert.equal(withNone.edge.takeDatagram(pair.now, 1162), null);
  const datagram = lane.edge.takeDatagram(pair.now, 1162);
  assert.ok(datagram !== null);
  pair.open("head");
  lane.edge.closed(pair.now);
  lane.core.closed(pair.now);
  assert.equal(lane.edge.takeDatagram(pair.now, 1162), null);
  lane.core.receiveDatagram(datagram, pair.now);
  assert.equal(pair.core.stats.copiesReceived, 0);
});

Deno.test("Lane.onDatagram is called once until takeDatagram() gives null", () => {
  const { pair, lane } = joinedPair();
  let calls = 0;
  lane.edge.onDatagram = () => calls++;
  const stream = pair.open("head");
  stream.sendData(bytesOf("more"));
  assert.equal(calls, 1);
  assert.ok(lane.edge.takeDatagram(pair.now, 1162) !== null);
  stream.sendData(bytesOf("more"));
  assert.equal(calls, 1);
  assert.ok(lane.edge.takeDatagram(pair.now, 1162) !== null);
  assert.equal(lane.edge.takeDatagram(pair.now, 1162), null);
  stream.sendData(bytesOf("more"));
  assert.equal(calls, 2);
});

Deno.test("Lane.takeDatagram() gives a number and whole frames", () => {
  const { pair, lane } = joinedPair();
  lane.isHeld = true;
  const stream = pair.open("h");
  stream.sendData(bytesOf("ab"));
  const datagram = lane.edge.takeDatagram(pair.now, 1162);
  // Number 2 (a probe went before it); HEAD of stream 1 at 0; DATA of stream 1 at 2.
  assert.deepEqual(
    [...datagram ?? []].slice(1),
    [0x01, 3, 1, 0, 0x68, STREAM_DATA, 4, 1, 2, 0x61, 0x62],
  );
});
