/** That no byte of a user stays in memory that a session made: logs, chunks, copies, held and stored frames. */
import assert from "node:assert/strict";
import { bytesOf, type JoinedLane, SessionPair } from "./session_pair.ts";

const SECRET = "sk-a-secret-that-nobody-keeps";
const SECRET_BYTES = bytesOf(SECRET);
const NO_BYTES = new Uint8Array(0);

/** Runs `body` and gives every buffer that was made by `new Uint8Array` or `slice` meanwhile. */
function buffersMadeBy(body: () => void): ArrayBufferLike[] {
  const original = globalThis.Uint8Array;
  const originalSlice = original.prototype.slice;
  const buffers = new Set<ArrayBufferLike>();
  globalThis.Uint8Array = new Proxy(original, {
    construct(target, args) {
      const made = Reflect.construct(target, args) as Uint8Array;
      buffers.add(made.buffer);
      return made;
    },
  });
  original.prototype.slice = function (start, end) {
    const made = originalSlice.call(this, start, end);
    buffers.add(made.buffer);
    return made;
  };
  try {
    body();
  } finally {
    original.prototype.slice = originalSlice;
    globalThis.Uint8Array = original;
  }
  return [...buffers];
}

function holdsSecret(buffer: ArrayBufferLike): boolean {
  return new TextDecoder("latin1").decode(new Uint8Array(buffer)).includes(SECRET.slice(5, 20));
}

function makePair(): { pair: SessionPair; lane: JoinedLane } {
  const pair = new SessionPair({}, { mode: "always" });
  const lane = pair.join({ carriesDatagrams: true });
  pair.join();
  pair.advance(1_500);
  return { pair, lane };
}

/** The secret over and over. */
function large(bytes: number): Uint8Array {
  return bytesOf(SECRET.repeat(Math.ceil(bytes / SECRET.length)));
}

const WAYS: [string, (pair: SessionPair, lane: JoinedLane) => void][] = [
  ["with everything acknowledged", (pair) => {
    const stream = pair.open(SECRET);
    stream.sendData(large(100));
    stream.sendData(large(50_000));
    stream.sendEnd(SECRET_BYTES);
    pair.advance(100);
    const answer = pair.coreStream(1);
    answer.sendHead(SECRET_BYTES);
    answer.sendData(large(200_000));
    answer.sendEnd(SECRET_BYTES);
    pair.advance(100);
    assert.equal(pair.edge.streamCount + pair.core.streamCount, 0);
  }],
  ["with frames and copies that wait for their lanes", (pair) => {
    for (const isBulk of [true, false]) {
      const stream = pair.open(SECRET, { isBulk });
      stream.sendData(large(100));
      stream.sendData(large(9_000));
    }
  }],
  ["with frames that are under way", (pair, lane) => {
    for (const joined of pair.lanes) joined.isBroken = true;
    lane.losesDatagrams = true;
    const stream = pair.open(SECRET);
    stream.sendData(large(30_000));
    pair.move();
  }],
  ["with bytes that are held for want of credit", (pair) => {
    pair.isConsuming = false;
    const stream = pair.open(SECRET);
    stream.sendData(large(200_000));
    pair.advance(100);
    stream.sendData(large(200_000));
    pair.advance(100);
    stream.sendEnd(SECRET_BYTES);
    assert.ok(pair.edge.heldBytes > 0);
  }],
  ["with copies that wait for their predecessors", (pair, lane) => {
    for (const joined of pair.lanes) joined.isHeld = true;
    lane.losesDatagrams = true;
    const stream = pair.open(SECRET);
    pair.move();
    lane.losesDatagrams = false;
    stream.sendData(large(100));
    pair.move();
    assert.ok(pair.core.reorderBytes > 0);
  }],
  ["with a frame of which a part came", (pair) => {
    pair.open(SECRET).sendEnd(large(1_000));
    const own = pair.lanes.find(({ edge }) => edge.carries === "tokens" || edge.carries === "both");
    const chunk = own?.edge.takeOutput(pair.now) ?? null;
    assert.ok(own !== undefined && chunk !== null);
    const part = chunk.slice(0, 700);
    own.core.receive(part, pair.now);
    pair.drain();
    part.fill(0);
    own.edge.outputWritten(chunk);
  }],
  ["with a stream that was cut", (pair) => {
    const stream = pair.open(SECRET);
    stream.sendData(large(250_000));
    pair.move();
    pair.coreStream(1).sendHead(SECRET_BYTES);
    stream.reset(1);
    pair.advance(100);
  }],
];

function assertWiped(body: () => void): void {
  assert.deepEqual(buffersMadeBy(body).filter(holdsSecret).map((buffer) => buffer.byteLength), []);
}

for (const [what, use] of WAYS) {
  Deno.test(`Session wipes every buffer by its end ${what}`, () => {
    assertWiped(() => {
      const { pair, lane } = makePair();
      use(pair, lane);
      for (const joined of pair.lanes) joined.isHeld = false;
      pair.edge.close();
      pair.core.close();
      pair.advance(1_000);
    });
  });
}

Deno.test("Session wipes an exchange's bytes when the peer has them, not only at the end", () => {
  assertWiped(() => {
    const { pair } = makePair();
    const stream = pair.open(SECRET);
    stream.sendData(large(100));
    stream.sendData(large(150_000));
    stream.sendEnd(NO_BYTES);
    pair.advance(200);
    assert.equal(pair.edge.retainedBytes, 0);
  });
});

Deno.test("Session wipes copies that go out as frames of a second lane", () => {
  assertWiped(() => {
    const pair = new SessionPair({}, { mode: "always" });
    for (const delayMs of [10, 12]) pair.join({ delayMs });
    pair.advance(1_500);
    pair.open(SECRET).sendEnd(SECRET_BYTES);
    pair.advance(200);
    assert.ok(pair.edge.stats.copiesSent > 0);
    assert.equal(pair.edge.retainedBytes, 0);
  });
});

Deno.test("Session wipes the buffer of a lane that carries both logs when it outgrows it", () => {
  assertWiped(() => {
    const pair = new SessionPair();
    const lane = pair.join();
    pair.advance(100);
    lane.isHeld = true;
    pair.open(SECRET);
    pair.open("bulk", { isBulk: true }).sendData(new Uint8Array(40_000));
    lane.isHeld = false;
    pair.advance(200);
    assert.equal(pair.edge.retainedBytes, 0);
  });
});

Deno.test("Session wipes what a lane has of a large head when it closes between two chunks", () => {
  assertWiped(() => {
    const pair = new SessionPair();
    const lane = pair.join();
    pair.advance(100);
    pair.open(SECRET.repeat(4_000));
    const chunk = lane.edge.takeOutput(pair.now);
    assert.ok(chunk !== null && chunk.length === 64 * 1024);
    lane.edge.outputWritten(chunk);
    pair.close(lane);
    pair.edge.close();
  });
});

Deno.test("buffersMadeBy() would see a secret that stays", () => {
  const buffers = buffersMadeBy(() => {
    new Uint8Array(100).set(SECRET_BYTES);
    SECRET_BYTES.slice();
  });
  assert.equal(buffers.filter(holdsSecret).length, 2);
});
