/** Which lane carries what, and that everything goes on when one closes, stalls, turns quiet or another is better. */
import assert from "node:assert/strict";
import { Random } from "./simulation/random.ts";
import { bytesOf, type JoinedLane, SessionPair, type Stream } from "./session_pair.ts";

const NO_BYTES = new Uint8Array(0);
/** One look: the interval of PINGs. */
const LOOK_MS = 1_000;

/** What each lane of the edge carries. */
function carried(pair: SessionPair): string[] {
  return pair.lanes.map((lane) => lane.edge.carries);
}

/** Bulk on one stream and tokens on another, many times; `check` sees that all of it came, once and in order. */
class Load {
  readonly #pair: SessionPair;
  readonly #token: Stream;
  readonly #bulk: Stream;
  #tokens = 0;
  #bulkBytes = 0;

  constructor(pair: SessionPair) {
    this.#pair = pair;
    this.#bulk = pair.open("bulk", { isBulk: true });
    this.#token = pair.open("token");
  }

  send(): void {
    for (let i = 0; i < 3; i++) this.#token.sendData(bytesOf(`<${this.#tokens++}>`));
    this.#bulkBytes += 20_000;
    this.#bulk.sendData(new Uint8Array(20_000));
  }

  check(): void {
    this.#token.sendEnd(NO_BYTES);
    this.#bulk.sendEnd(NO_BYTES);
    this.#pair.advance(20_000);
    const { core } = this.#pair.takeEvents();
    const dataOf = (id: number) =>
      core.flatMap((event) => event.startsWith(`data ${id} `) ? [event.split(" ")[2] ?? ""] : []);
    const tokens = Array.from({ length: this.#tokens }, (_, index) => `<${index}>`).join("");
    assert.equal(dataOf(2).join(""), tokens);
    assert.equal(dataOf(1).reduce((sum, bytes) => sum + Number(bytes), 0), this.#bulkBytes);
    assert.equal(core.filter((event) => event.startsWith("end")).length, 2);
    assert.equal(this.#pair.edge.retainedBytes, 0);
  }
}

Deno.test("Session sends tokens and bulk on different lanes when there are two", () => {
  const pair = new SessionPair();
  pair.join({ delayMs: 20 });
  pair.join({ delayMs: 30 });
  assert.deepEqual(carried(pair), ["both", "nothing"]);
  pair.advance(LOOK_MS + 200);
  assert.deepEqual(carried(pair), ["tokens", "bulk"]);
  assert.deepEqual(pair.takeEvents().edge, ["carrier bulk better"]);
  pair.advance(20 * LOOK_MS);
  assert.deepEqual(pair.takeEvents().edge, [], "and leaves it at that");
});

Deno.test("Session does not let tokens wait for bulk on a slow lane", () => {
  const pair = new SessionPair();
  pair.join({ delayMs: 10 });
  const slow = pair.join({ delayMs: 40 });
  pair.advance(LOOK_MS + 200);
  assert.deepEqual(carried(pair), ["tokens", "bulk"]);
  const bulk = pair.open("bulk", { isBulk: true });
  slow.isHeld = true;
  bulk.sendData(new Uint8Array(200_000));
  const token = pair.open("token");
  pair.advance(50);
  pair.takeEvents();
  for (let i = 0; i < 20; i++) {
    token.sendData(bytesOf(`${i}`));
    pair.advance(10);
    assert.deepEqual(pair.takeEvents().core, [`data 2 ${i}`]);
  }
  slow.isHeld = false;
  pair.advance(5_000);
  const bytes = pair.takeEvents().core.flatMap((event) =>
    event.startsWith("data 1") ? [event.split(" ")[2]] : []
  );
  assert.equal(bytes.reduce((sum, length) => sum + Number(length), 0), 200_000);
});

Deno.test("Session keeps a stream's frames in order when it goes from tokens to bulk and back", () => {
  const pair = new SessionPair();
  pair.join({ delayMs: 50 });
  pair.join({ delayMs: 51 });
  pair.advance(LOOK_MS + 200);
  const stream = pair.open("head");
  const random = new Random(5);
  let sent = "";
  for (let i = 0; i < 60; i++) {
    const size = random.chance(0.5) ? random.between(21, 4_000) : random.between(4_097, 9_000);
    sent += `${size} `;
    stream.sendData(new Uint8Array(size));
    pair.advance(random.between(0, 200));
  }
  pair.advance(1_000);
  const events = pair.takeEvents().core.filter((event) => event.startsWith("data"));
  assert.equal(events.map((event) => `${event.split(" ")[2]} `).join(""), sent);
  assert.equal(pair.core.reorderBytes, 0);
});

const ENDINGS: [string, (pair: SessionPair, lane: JoinedLane) => void][] = [
  ["closes", (pair, lane) => pair.close(lane)],
  ["stalls", (_pair, lane) => {
    lane.isHeld = true;
    lane.isBroken = true;
  }],
  ["loses what it carries", (pair, lane) => {
    lane.isBroken = true;
    pair.advance(5);
    pair.close(lane);
  }],
  ["is relieved", (pair, lane) => pair.edge.relieveLane(lane.edge, pair.now)],
  ["is closed by the other end once it was relieved", (pair, lane) => {
    pair.core.relieveLane(lane.core, pair.now);
    pair.close(lane);
  }],
];

for (const [what, end] of ENDINGS) {
  for (const which of ["tokens", "bulk"] as const) {
    Deno.test(`Session goes on, once and in order, when the lane of ${which} ${what}`, () => {
      const pair = new SessionPair();
      for (const delayMs of [20, 30, 60]) pair.join({ delayMs });
      pair.advance(LOOK_MS + 200);
      const load = new Load(pair);
      for (let i = 0; i < 10; i++) {
        load.send();
        pair.advance(15);
      }
      const lane = pair.lanes.find((other) => other.edge.carries === which);
      assert.ok(lane !== undefined);
      end(pair, lane);
      for (let i = 0; i < 10; i++) {
        load.send();
        pair.advance(15);
      }
      load.check();
    });
  }
}

Deno.test("Session.relieveLane() moves what a lane carries at once, and counts no stall", () => {
  const pair = new SessionPair();
  const first = pair.join({ delayMs: 20 });
  pair.join({ delayMs: 30 });
  pair.edge.relieveLane(first.edge, pair.now);
  assert.deepEqual(carried(pair), ["nothing", "both"]);
  assert.deepEqual(pair.takeEvents().edge, ["carrier tokens closed", "carrier bulk closed"]);
  assert.equal(first.edge.stalls, 0);
  pair.advance(10 * LOOK_MS);
  assert.deepEqual(carried(pair), ["nothing", "both"], "nothing comes back to a lane that is about to close");
});

Deno.test("Session.relieveLane() of the only lane leaves it what it carries until another comes", () => {
  const pair = new SessionPair();
  const only = pair.join({ delayMs: 20 });
  pair.edge.relieveLane(only.edge, pair.now);
  assert.deepEqual(carried(pair), ["both"]);
  pair.open("head");
  pair.advance(100);
  assert.deepEqual(pair.takeEvents().core, ["open 1 head"]);
  pair.join({ delayMs: 90 });
  assert.deepEqual(carried(pair), ["nothing", "both"]);
  assert.deepEqual(pair.takeEvents().edge, ["carrier tokens closed", "carrier bulk closed"]);
});

Deno.test("Session moves tokens to a better lane only after three looks in a row", () => {
  const pair = new SessionPair();
  const worse = pair.join({ delayMs: 100 });
  pair.join({ delayMs: 110 });
  pair.advance(LOOK_MS + 300);
  const better = pair.join({ delayMs: 10 });
  pair.takeEvents();
  const looks: string[] = [];
  for (let i = 0; i < 6; i++) {
    pair.advance(LOOK_MS);
    looks.push(better.edge.carries);
  }
  assert.equal(looks[0] === "tokens" || looks[1] === "tokens", false, `${looks}`);
  assert.ok(looks.includes("tokens"), `${looks}`);
  assert.equal(worse.edge.carries === "tokens", false);
  assert.ok(pair.takeEvents().edge.includes("carrier tokens better"));
});

Deno.test("Session begins to count looks again when yet another lane is better", () => {
  const pair = new SessionPair();
  const present = pair.join({ delayMs: 100 });
  pair.join({ delayMs: 110 });
  pair.advance(LOOK_MS + 300);
  pair.join({ delayMs: 30 });
  pair.advance(2 * LOOK_MS);
  const best = pair.join({ delayMs: 5 });
  pair.advance(LOOK_MS + 500);
  assert.equal(present.edge.carries, "tokens");
  pair.advance(3 * LOOK_MS);
  assert.equal(best.edge.carries, "tokens");
});

Deno.test("Session begins to count looks again when the better lane was not at one of them", () => {
  const pair = new SessionPair();
  const present = pair.join({ delayMs: 100 });
  pair.join({ delayMs: 110 });
  pair.advance(LOOK_MS + 300);
  const better = pair.join({ delayMs: 75 });
  pair.advance(1_800);
  better.delayMs = 150;
  pair.advance(LOOK_MS);
  better.delayMs = 20;
  pair.advance(LOOK_MS);
  better.delayMs = 75;
  pair.advance(400);
  assert.equal(present.edge.carries, "tokens");
  pair.advance(2 * LOOK_MS);
  assert.notEqual(present.edge.carries, "tokens");
});

Deno.test("Session gives bulk to a third lane when its own closes, not to that of tokens", () => {
  const pair = new SessionPair();
  for (const delayMs of [10, 60, 90]) pair.join({ delayMs });
  pair.advance(LOOK_MS + 300);
  assert.deepEqual(carried(pair), ["tokens", "bulk", "nothing"]);
  const bulk = pair.lanes[1];
  assert.ok(bulk !== undefined);
  pair.close(bulk);
  assert.deepEqual(carried(pair), ["tokens", "bulk"]);
});

Deno.test("Session sends tokens before bulk on a lane that carries both, however it came to them", () => {
  const pair = new SessionPair();
  const own = pair.join({ delayMs: 10 });
  const other = pair.join({ delayMs: 12 });
  pair.advance(LOOK_MS + 300);
  assert.deepEqual(carried(pair), ["tokens", "bulk"]);
  pair.close(own);
  pair.open("bulk", { isBulk: true }).sendData(new Uint8Array(20_000));
  pair.open("token");
  pair.advance(50);
  assert.equal(other.edge.carries, "both");
  const opened = pair.takeEvents().core.filter((event) => event.startsWith("open"));
  assert.deepEqual(opened, ["open 2 token", "open 1 bulk"]);
});

Deno.test("Session does not send again what is acknowledged on the lane that gave way", () => {
  const pair = new SessionPair({ ackDelayMs: 0 });
  const own = pair.join({ delayMs: 10 });
  const other = pair.join({ delayMs: 12 });
  pair.advance(LOOK_MS + 300);
  const stream = pair.open("head");
  pair.advance(15);
  stream.sendData(bytesOf("token"));
  pair.move();
  other.isHeld = true;
  pair.edge.relieveLane(own.edge, pair.now);
  pair.advance(7);
  other.isHeld = false;
  pair.advance(50);
  assert.equal(pair.edge.retainedBytes, 0);
  assert.equal(pair.core.stats.framesDropped, 1, "the token, not the head");
});

Deno.test("Session without a lane takes no more into its logs than may wait for one", () => {
  const pair = new SessionPair();
  const lane = pair.join({ delayMs: 10 });
  pair.advance(100);
  const stream = pair.open("head");
  lane.isBroken = true;
  stream.sendData(new Uint8Array(60_000));
  pair.move();
  pair.close(lane);
  stream.sendData(new Uint8Array(60_000));
  assert.ok(stream.heldBytes > 30_000, `${stream.heldBytes}`);
  assert.ok(pair.edge.retainedBytes < 64 * 1024 + 17_000);
});

Deno.test("Session does not move tokens to a lane that is a little better", () => {
  const pair = new SessionPair();
  const first = pair.join({ delayMs: 50 });
  pair.join({ delayMs: 45 });
  pair.advance(30 * LOOK_MS);
  assert.equal(first.edge.carries, "tokens");
  assert.equal(pair.edge.stats.carrierChanges, 1, "bulk went to the other");
});

Deno.test("Session prefers a lane with datagrams that is not clearly worse", () => {
  const pair = new SessionPair({}, { mode: "off" });
  const stream = pair.join({ delayMs: 50 });
  pair.join({ delayMs: 52 });
  const datagram = pair.join({ carriesDatagrams: true, delayMs: 55 });
  pair.advance(10 * LOOK_MS);
  assert.equal(datagram.edge.carries, "tokens");
  assert.equal(stream.edge.carries === "tokens", false);
});

Deno.test("Session does not give a lane that stalled its tokens back at once", () => {
  const pair = new SessionPair();
  const first = pair.join({ delayMs: 20 });
  const second = pair.join({ delayMs: 60 });
  pair.advance(LOOK_MS + 300);
  first.isBroken = true;
  pair.open("head");
  pair.advance(900);
  assert.deepEqual(pair.takeEvents().core.at(-1), "open 1 head");
  assert.equal(second.edge.carries, "both");
  assert.equal(first.edge.isStalled, true);
  first.isBroken = false;
  pair.advance(7_000);
  assert.equal(first.edge.isStalled, false);
  assert.deepEqual(carried(pair), ["bulk", "tokens"], "a lane that gave way is distrusted for a time");
  pair.advance(10_000);
  assert.deepEqual(carried(pair), ["tokens", "bulk"], "and not for longer");
});

Deno.test("Session leaves a carrier that turns quiet even when it owes nothing", () => {
  const pair = new SessionPair();
  const first = pair.join({ delayMs: 20 });
  const second = pair.join({ delayMs: 25 });
  pair.advance(LOOK_MS + 300);
  assert.equal(first.edge.carries, "tokens");
  first.isBroken = true;
  pair.advance(4_000);
  assert.equal(first.edge.state, "live");
  assert.equal(second.edge.carries, "both");
});

Deno.test("Session waits for a time-out that it can do nothing about only once", () => {
  const pair = new SessionPair();
  const lanes = [pair.join({ delayMs: 20 }), pair.join({ delayMs: 25 })];
  pair.advance(LOOK_MS + 300);
  for (const lane of lanes) lane.isBroken = true;
  pair.open("head");
  let timeouts = 0;
  for (let now = pair.now; now < pair.now + 4_500 && pair.edge.laneCount > 0;) {
    now = Math.max(now, pair.edge.nextTimeout() ?? Infinity);
    pair.edge.handleTimeout(now);
    timeouts++;
    assert.ok((pair.edge.nextTimeout() ?? Infinity) > now, "due again at once");
  }
  assert.ok(timeouts < 60);
});

Deno.test("Session moves to a lane that was silent as soon as it brings something", () => {
  const pair = new SessionPair({ laneTimeoutMs: 60_000 });
  const first = pair.join({ delayMs: 20 });
  const second = pair.join({ delayMs: 25 });
  pair.advance(LOOK_MS + 300);
  first.isBroken = true;
  pair.open("one");
  pair.advance(900);
  assert.deepEqual([first.edge.isStalled, second.edge.carries], [true, "both"]);
  second.isBroken = true;
  pair.open("two");
  pair.advance(900);
  assert.equal(second.edge.carries, "both", "there is no other");
  first.isBroken = false;
  pair.takeEvents();
  while (first.edge.isStalled && pair.now < 20_000) pair.advance(1);
  pair.advance(25);
  assert.deepEqual(pair.takeEvents().core.filter((event) => event.startsWith("open")), ["open 2 two"]);
});
