import assert from "node:assert/strict";
import { UNTIL_HEARD, writeGoawayFrame } from "../../../shared/tunnel/goaway_frame.ts";
import { DEFAULT_REDUNDANCY } from "../../../shared/tunnel/redundancy.ts";
import { Session } from "../../../shared/tunnel/session.ts";
import { DEFAULT_SESSION_LIMITS } from "../../../shared/tunnel/session_limits.ts";
import { encodeFrame } from "./encode_frame.ts";
import { bytesOf, SessionPair } from "./session_pair.ts";
import { STREAM_LANE } from "./lane_traits.ts";

Deno.test("Session carries one exchange, typed from head to end", () => {
  const pair = new SessionPair();
  pair.join();
  const stream = pair.open("GET");
  assert.equal(stream.sendData(bytesOf("body")), 4);
  stream.sendEnd(bytesOf("request trailers"));
  pair.move();
  const core = pair.coreStream(1);
  core.sendInformational(bytesOf("103"));
  core.sendHead(bytesOf("200"));
  core.sendData(bytesOf("token"));
  core.sendData(new Uint8Array(0));
  core.sendEnd(new Uint8Array(0));
  pair.advance(50);
  assert.deepEqual(pair.takeEvents(), {
    edge: ["informational 1 103", "head 1 200", "data 1 token", "end 1 "],
    core: ["open 1 GET", "data 1 body", "end 1 request trailers"],
  });
  assert.equal(pair.edge.streamCount + pair.core.streamCount, 0);
  assert.equal(pair.edge.retainedBytes + pair.core.retainedBytes, 0);
});

Deno.test("SessionStream.sendData() holds what credit does not cover, and sent events tell when it goes", () => {
  const pair = new SessionPair();
  pair.join();
  const stream = pair.open("");
  pair.move();
  pair.isConsuming = false;
  const window = 256 * 1024;
  let sent = 0;
  for (let i = 0; i < 4; i++) {
    sent += stream.sendData(new Uint8Array(64 * 1024));
    pair.move();
  }
  assert.ok(sent < window && sent > window - 100);
  assert.equal(stream.heldBytes, window - sent);
  assert.equal(pair.edge.heldBytes, window - sent);
  assert.deepEqual(pair.takeEvents().edge, []);
  pair.coreStream(1).consumed(window / 2);
  pair.move();
  assert.deepEqual(pair.takeEvents().edge, [`sent 1 ${window - sent}`]);
  assert.equal(pair.edge.heldBytes, 0);
});

Deno.test("SessionStream.reset() cuts both directions, drops what is held, and is not echoed", () => {
  const pair = new SessionPair();
  pair.join();
  const stream = pair.open("");
  pair.move();
  pair.isConsuming = false;
  stream.sendData(new Uint8Array(200 * 1024));
  pair.coreStream(1).sendHead(bytesOf("200"));
  stream.reset(21);
  assert.equal(pair.edge.heldBytes, 0);
  pair.takeEvents();
  pair.move();
  const events = pair.takeEvents();
  assert.deepEqual(events.edge, []);
  assert.equal(events.core.at(-1), "reset 1 21 peer");
  assert.equal(pair.core.streamCount, 0);
  assert.equal(pair.coreStream(1).sendData(bytesOf("late")), 4);
  pair.coreStream(1).reset(1);
  pair.advance(50);
  assert.deepEqual(pair.takeEvents(), { edge: [], core: [] });
  assert.equal(pair.edge.retainedBytes + pair.core.retainedBytes, 0);
});

Deno.test("SessionStream.reset() of both ends at once gives neither an event", () => {
  const pair = new SessionPair();
  pair.join();
  const stream = pair.open("");
  pair.move();
  pair.takeEvents();
  stream.reset(1);
  pair.coreStream(1).reset(2);
  pair.advance(50);
  assert.deepEqual(pair.takeEvents(), { edge: [], core: [] });
});

Deno.test("SessionStream.reset() before the head is out leaves no stream at the core", () => {
  const pair = new SessionPair();
  const stream = pair.open("never seen");
  stream.reset(1);
  const after = pair.open("seen");
  pair.join();
  pair.move();
  assert.equal(after.isClosed, false);
  assert.deepEqual(pair.takeEvents().core.filter((event) => !event.includes(" 1 ")), ["open 2 seen"]);
});

Deno.test("Session says when output and events appear", () => {
  const pair = new SessionPair();
  const { edge } = pair.join();
  pair.advance(10);
  let outputs = 0;
  edge.onOutput = () => outputs++;
  const stream = pair.open("");
  assert.equal(outputs, 1);
  stream.sendData(bytesOf("more"));
  assert.equal(outputs, 1);
  pair.move();
  assert.equal(edge.pendingOutputBytes, 0);
  stream.sendData(bytesOf("more"));
  assert.equal(outputs, 2);
  pair.move();
  stream.reset(1);
  assert.equal(outputs, 3);
});

Deno.test("Session takes no more stream bytes at its bound of retained bytes, and goes on when they are acknowledged", () => {
  const pair = new SessionPair({ maxRetainedBytes: 100_000 });
  const lane = pair.join();
  const streams = [pair.open(""), pair.open("")];
  pair.move();
  lane.isBroken = true;
  for (const stream of streams) stream.sendData(new Uint8Array(100_000));
  pair.move();
  assert.ok(pair.edge.retainedBytes >= 100_000 && pair.edge.retainedBytes < 120_000);
  const held = pair.edge.heldBytes;
  assert.ok(held > 80_000);
  assert.equal(pair.edge.openStream(new Uint8Array(0), "edge"), null);
  lane.edge.closed(pair.now);
  lane.core.closed(pair.now);
  const { edge } = pair.join();
  let outputs = 0;
  edge.onOutput = () => outputs++;
  pair.advance(100);
  assert.equal(pair.edge.heldBytes, 0);
  assert.equal(pair.edge.retainedBytes, 0);
  assert.equal(pair.takeEvents().core.filter((event) => event.startsWith("data")).length > 1, true);
});

Deno.test("Session signals the lane when an acknowledgement makes room for held bytes", () => {
  const pair = new SessionPair({ maxRetainedBytes: 30_000, ackBytes: 1 });
  const { edge, core } = pair.join();
  const stream = pair.open("");
  pair.move();
  stream.sendData(new Uint8Array(100_000));
  for (let chunk = edge.takeOutput(0); chunk !== null; chunk = edge.takeOutput(0)) {
    core.receive(chunk.slice(), 0);
    edge.outputWritten(chunk);
    pair.drain();
  }
  assert.ok(stream.heldBytes > 0);
  let outputs = 0;
  edge.onOutput = () => outputs++;
  const ack = core.takeOutput(0);
  assert.ok(ack !== null);
  edge.receive(ack, 0);
  assert.equal(outputs, 1);
});

Deno.test("Session sends tokens before bulk that waits", () => {
  const pair = new SessionPair();
  pair.join();
  const bulk = pair.open("bulk");
  const token = pair.open("token");
  pair.move();
  pair.takeEvents();
  bulk.sendData(new Uint8Array(250_000));
  token.sendData(bytesOf("token"));
  pair.isConsuming = false;
  pair.move();
  const order = pair.takeEvents().core;
  const behind = order.slice(order.indexOf("data 2 token"));
  assert.ok(behind.length > 5, "bulk came first");
});

Deno.test("Session resumes on another lane when one dies, each byte once", () => {
  const pair = new SessionPair();
  const first = pair.join();
  const stream = pair.open("head");
  pair.move();
  first.isBroken = true;
  stream.sendData(bytesOf("lost on the way"));
  pair.move();
  assert.equal(pair.core.retainedBytes, 0);
  first.edge.closed(pair.now);
  stream.sendData(bytesOf("sent without a lane"));
  stream.sendEnd(new Uint8Array(0));
  first.core.closed(pair.now);
  pair.join();
  pair.advance(100);
  assert.deepEqual(pair.takeEvents().core, [
    "open 1 head",
    "data 1 lost on the way",
    "data 1 sent without a lane",
    "end 1 ",
  ]);
  assert.equal(pair.edge.retainedBytes, 0);
  assert.equal(pair.edge.stats.carrierChanges, 0);
  assert.ok(pair.edge.stats.bytesResent > 0);
});

Deno.test("Session drops frames that come twice", () => {
  const pair = new SessionPair({ ackDelayMs: 10_000 });
  const first = pair.join();
  pair.join();
  pair.open("head").sendData(bytesOf("once"));
  pair.move();
  pair.edge.relieveLane(first.edge, pair.now);
  assert.equal(first.edge.carries, "nothing");
  pair.move();
  assert.deepEqual(pair.takeEvents().core, ["open 1 head", "data 1 once"]);
  assert.equal(pair.core.stats.framesDropped, 2);
});

Deno.test("Session leaves a lane that stays silent while it owes an acknowledgement", () => {
  const pair = new SessionPair();
  const first = pair.join();
  const second = pair.join();
  pair.advance(100);
  first.isBroken = true;
  pair.open("head");
  pair.advance(500);
  assert.equal(first.edge.carries, "both");
  pair.advance(150);
  assert.equal(second.edge.carries, "both");
  assert.equal(first.edge.stalls, 1);
  assert.equal(first.edge.isStalled, true);
  assert.deepEqual(pair.takeEvents(), {
    edge: ["carrier tokens stalled", "carrier bulk stalled"],
    core: ["open 1 head"],
  });
});

Deno.test("Session declares a lane dead after silence, and is lost when none comes back", () => {
  const pair = new SessionPair();
  const lane = pair.join();
  pair.open("head");
  pair.advance(10);
  pair.takeEvents();
  lane.isBroken = true;
  pair.advance(5_100);
  assert.deepEqual(pair.takeEvents(), { edge: ["lane_dead"], core: ["lane_dead"] });
  assert.equal(lane.edge.state, "dead");
  assert.equal(pair.edge.laneCount, 0);
  pair.advance(14_800);
  assert.deepEqual(pair.takeEvents(), { edge: [], core: [] });
  pair.advance(300);
  assert.deepEqual(pair.takeEvents(), {
    edge: ["reset 1 0 tunnel_lost", "lost"],
    core: ["reset 1 0 tunnel_lost", "lost"],
  });
  assert.equal(pair.edge.attachLane(pair.now, STREAM_LANE), null);
  assert.equal(pair.edge.nextTimeout(), null);
});

Deno.test("Session keeps an idle lane alive by PING, and measures the round trip", () => {
  const pair = new SessionPair();
  const lane = pair.join();
  pair.advance(60_000);
  assert.equal(lane.edge.state, "live");
  assert.equal(lane.edge.roundTripMs, 0);
  assert.ok(pair.now - lane.core.lastReceivedAt <= 1_000);
});

Deno.test("Session.goaway() of the core lets live streams end, and closes both ends after the last", () => {
  const pair = new SessionPair();
  pair.join();
  const stream = pair.open("live");
  pair.move();
  pair.takeEvents();
  pair.core.goaway(7);
  pair.advance(50);
  assert.deepEqual(pair.takeEvents().edge, [`goaway ${UNTIL_HEARD} 7`]);
  assert.equal(pair.edge.openStream(new Uint8Array(0), "edge"), null);
  stream.sendEnd(new Uint8Array(0));
  pair.coreStream(1).sendHead(bytesOf("200"));
  pair.coreStream(1).sendEnd(new Uint8Array(0));
  pair.advance(50);
  const events = pair.takeEvents();
  assert.deepEqual(events.edge.slice(0, 2), ["head 1 200", "end 1 "]);
  assert.match(events.edge[2] ?? "", /^closed (local|peer) 0$/);
  assert.deepEqual(events.core[0], "end 1 ");
  assert.match(events.core[1] ?? "", /^closed (local|peer) 0$/);
});

Deno.test("Session.goaway() of the core takes what the edge opens until it hears of it", () => {
  const pair = new SessionPair();
  pair.join();
  pair.core.goaway(7);
  const stream = pair.open("on its way");
  stream.sendEnd(new Uint8Array(0));
  pair.move();
  const { edge, core } = pair.takeEvents();
  assert.deepEqual(edge, [`goaway ${UNTIL_HEARD} 7`]);
  assert.deepEqual(core, ["open 1 on its way", "end 1 ", "goaway 1 7"]);
  pair.advance(1_000);
  assert.deepEqual([pair.edge.state, pair.core.state], ["draining", "draining"]);
  pair.coreStream(1).sendHead(bytesOf("200"));
  pair.coreStream(1).sendEnd(new Uint8Array(0));
  pair.advance(50);
  assert.deepEqual([pair.edge.state, pair.core.state], ["ended", "ended"]);
});

Deno.test("Session of an edge ends the streams that a core's GOAWAY refuses", () => {
  const edge = new Session<string>({
    role: "edge",
    limits: DEFAULT_SESSION_LIMITS,
    redundancy: DEFAULT_REDUNDANCY,
    now: 0,
  });
  const lane = edge.attachLane(0, STREAM_LANE) ?? assert.fail("no lane");
  for (const owner of ["taken", "refused"]) edge.openStream(new Uint8Array(0), owner);
  lane.receive(encodeFrame((writer) => writeGoawayFrame(writer, { lastStreamId: 1, reason: 7 })), 0);
  assert.equal(edge.nextEvent()?.kind, "goaway");
  const reset = edge.nextEvent();
  assert.ok(reset?.kind === "reset" && reset.by === "goaway");
  assert.equal(reset.stream.owner, "refused");
  assert.equal(edge.nextEvent(), null);
  assert.equal(edge.streamCount, 1);
});

Deno.test("Session.goaway() of the edge waits for what is on the way", () => {
  const pair = new SessionPair();
  const stream = pair.open("last");
  stream.sendEnd(new Uint8Array(0));
  pair.edge.goaway(1);
  pair.join();
  pair.move();
  assert.deepEqual(pair.takeEvents().core, ["open 1 last", "end 1 ", "goaway 1 1"]);
  pair.coreStream(1).sendHead(bytesOf("200"));
  pair.coreStream(1).sendEnd(new Uint8Array(0));
  pair.advance(50);
  assert.equal(pair.edge.state, "ended");
  assert.equal(pair.core.state, "ended");
});

Deno.test("Session.close() resets live streams at both ends and sends CLOSE as the lanes' last output", () => {
  const pair = new SessionPair();
  const lane = pair.join();
  pair.open("live").sendData(bytesOf("held in the log"));
  pair.move();
  pair.takeEvents();
  pair.edge.close();
  pair.move();
  assert.deepEqual(pair.takeEvents(), {
    edge: ["reset 1 0 tunnel_lost", "closed local 0"],
    core: ["reset 1 0 tunnel_lost", "closed peer 0"],
  });
  assert.equal(lane.edge.takeOutput(pair.now), null);
  assert.equal(pair.edge.retainedBytes, 0);
});

Deno.test("Session.openStream() is null at the limit of streams, and not below it", () => {
  const pair = new SessionPair({ maxStreams: 2 });
  pair.join();
  const first = pair.open("");
  pair.open("");
  assert.equal(pair.edge.openStream(new Uint8Array(0), "edge"), null);
  first.reset(1);
  pair.open("");
  pair.move();
  assert.equal(pair.core.streamCount, 2);
});

Deno.test("Session.attachLane() is null at the limit of lanes", () => {
  const pair = new SessionPair({ maxLanes: 2 });
  pair.join();
  pair.join();
  assert.equal(pair.edge.attachLane(0, STREAM_LANE), null);
});

Deno.test("Lane.takeOutput() gives the largest head in chunks of 64 KiB at most", () => {
  const pair = new SessionPair();
  const { edge, core } = pair.join();
  const head = new Uint8Array(128 * 1024).fill(65);
  pair.edge.openStream(head, "edge");
  const sizes: number[] = [];
  for (let chunk = edge.takeOutput(0); chunk !== null; chunk = edge.takeOutput(0)) {
    sizes.push(chunk.length);
    core.receive(chunk.slice(), 0);
    edge.outputWritten(chunk);
    assert.ok(chunk.every((byte) => byte === 0), "a written chunk is wiped");
  }
  assert.ok(sizes.length === 3 && sizes.every((size) => size <= 65_536));
  const event = pair.core.nextEvent();
  assert.ok(
    event?.kind === "open" && event.head.length === head.length && event.head.every((byte) => byte === 65),
  );
});

Deno.test("SessionStream asserts the order of sends", () => {
  const pair = new SessionPair();
  pair.join();
  const stream = pair.open("");
  assert.throws(() => stream.sendHead(new Uint8Array(0)), { name: "AssertionError" });
  stream.sendEnd(new Uint8Array(0));
  assert.throws(() => stream.sendData(bytesOf("late")), { name: "AssertionError" });
  pair.move();
  assert.throws(() => pair.coreStream(1).sendData(bytesOf("no head")), { name: "AssertionError" });
  assert.throws(() => stream.reset(0), { name: "AssertionError" });
  assert.throws(() => stream.consumed(1), { name: "AssertionError" });
});
