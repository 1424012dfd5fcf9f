import assert from "node:assert/strict";
import { SendQueues } from "../../../shared/tunnel/send_queues.ts";
import { DEFAULT_SESSION_LIMITS } from "../../../shared/tunnel/session_limits.ts";
import { Stream } from "../../../shared/tunnel/stream.ts";

const NO_BYTES = new Uint8Array(0);

interface Sending {
  readonly queues: SendQueues<string>;
  /** What the session was told. */
  readonly told: string[];
  open(head: Uint8Array, isBulk?: boolean): Stream<string>;
  /** A lane takes everything that is there. */
  takeAll(): void;
}

function makeSending({ maxRetainedBytes = 16 * 1024 * 1024 } = {}): Sending {
  const told: string[] = [];
  const queues = new SendQueues<string>({
    limits: { ...DEFAULT_SESSION_LIMITS, maxRetainedBytes },
    logGrew: (carried) => told.push(`${carried.name} grew`),
    sent: (stream, bytes) => told.push(`sent ${stream.id} ${bytes}`),
    sendFinished: (stream) => told.push(`finished ${stream.id}`),
  });
  let lastId = 0;
  const host = {
    firstLog: queues.tokens,
    chooseLog: (stream: Stream<string>, piece: { bytes: number; isBulk: boolean }) =>
      queues.chooseLog(stream, piece),
    directBudget: (stream: Stream<string>, bytes: number) => queues.directBudget(stream, bytes),
    logGrew: () => {},
    heldGrew: (bytes: number) => void (queues.heldBytes += bytes),
    becameReady: (stream: Stream<string>) => queues.becameReady(stream),
    creditGrew: () => {},
    resetByUser: () => {},
    sendFinished: (stream: Stream<string>) => void told.push(`finished ${stream.id}`),
  };
  return {
    queues,
    told,
    open: (head, isBulk = false) => {
      const stream = new Stream<string>(host, { id: ++lastId, role: "edge", windowUnits: 256 * 1024 });
      stream.sendHead(head, isBulk);
      return stream;
    },
    takeAll: () => {
      for (const carried of [queues.tokens, queues.bulk]) {
        carried.isCarried = true;
        carried.advance(carried.log.endPosition - carried.cursor);
        queues.fill(carried);
      }
    },
  };
}

Deno.test("SendQueues.chooseLog() takes small pieces for tokens and larger ones for bulk", () => {
  const { queues, open } = makeSending();
  const small = open(NO_BYTES);
  queues.acknowledge(queues.tokens, queues.tokens.log.endPosition);
  small.sendData(new Uint8Array(4_096));
  assert.equal(small.carried.name, "tokens");
  queues.acknowledge(queues.tokens, queues.tokens.log.endPosition);
  small.sendData(new Uint8Array(4_097));
  assert.equal(small.carried.name, "bulk");
});

Deno.test("SendQueues.chooseLog() lets a stream change logs only when the peer has all of it", () => {
  const { queues, open } = makeSending();
  const stream = open(NO_BYTES);
  const sentAt = queues.tokens.log.endPosition;
  stream.sendData(new Uint8Array(10_000));
  assert.equal(stream.carried.name, "tokens", "the head is under way");
  queues.acknowledge(queues.tokens, sentAt);
  stream.sendData(new Uint8Array(10_000));
  assert.equal(stream.carried.name, "tokens", "the first piece is under way");
  queues.acknowledge(queues.tokens, queues.tokens.log.endPosition);
  stream.sendData(new Uint8Array(10_000));
  assert.equal(stream.carried.name, "bulk");
  stream.sendEnd(NO_BYTES);
  assert.equal(stream.carried.name, "bulk", "the end stays behind the body");
});

Deno.test("SendQueues.chooseLog() keeps a stream that holds something where it is", () => {
  const { queues, open } = makeSending({ maxRetainedBytes: 20_000 });
  const stream = open(NO_BYTES);
  queues.acknowledge(queues.tokens, queues.tokens.log.endPosition);
  stream.sendData(new Uint8Array(100_000));
  assert.equal(stream.carried.name, "bulk");
  assert.ok(stream.heldBytes > 0);
  stream.sendData(new Uint8Array(1));
  assert.equal(stream.carried.name, "bulk");
});

Deno.test("SendQueues.chooseLog() knows that what was held is under way once it moved", () => {
  const { queues, open, takeAll } = makeSending();
  const stream = open(NO_BYTES, true);
  stream.sendData(new Uint8Array(100_000));
  const before = queues.bulk.log.endPosition;
  takeAll();
  assert.equal(stream.heldBytes, 0);
  queues.acknowledge(queues.bulk, before);
  stream.sendData(new Uint8Array(1));
  assert.equal(stream.carried.name, "bulk");
});

Deno.test("SendQueues takes the head of a stream with a large body to follow for bulk", () => {
  const { queues, open } = makeSending();
  const stream = open(new Uint8Array(100), true);
  assert.equal(stream.carried, queues.bulk);
  assert.equal(queues.tokens.log.retainedBytes, 0);
});

Deno.test("SendQueues leaves a quarter of what may be retained to tokens", () => {
  const { queues, open, takeAll } = makeSending({ maxRetainedBytes: 100_000 });
  const bulk = open(NO_BYTES, true);
  bulk.sendData(new Uint8Array(250_000));
  takeAll();
  takeAll();
  assert.ok(queues.bulk.log.retainedBytes >= 75_000);
  assert.ok(queues.bulk.log.retainedBytes < 75_000 + 17_000);
  assert.ok(bulk.heldBytes > 0);
  const token = open(NO_BYTES);
  assert.equal(token.sendData(new Uint8Array(100)), 100);
});

Deno.test("SendQueues.acknowledge() of one log lets the other go on when both share what may be retained", () => {
  const { queues, told, open, takeAll } = makeSending({ maxRetainedBytes: 100_000 });
  const bulk = open(NO_BYTES, true);
  open(new Uint8Array(128 * 1024));
  takeAll();
  bulk.sendData(new Uint8Array(10_000));
  assert.equal(bulk.heldBytes, 10_000);
  told.length = 0;
  queues.acknowledge(queues.tokens, queues.tokens.log.endPosition);
  assert.equal(bulk.heldBytes, 0);
  assert.deepEqual(told, ["sent 1 10000", "bulk grew"]);
});

Deno.test("SendQueues holds what is more than may wait for a lane, and moves it as the lane takes", () => {
  const { queues, told, open, takeAll } = makeSending();
  const stream = open(NO_BYTES, true);
  stream.sendData(new Uint8Array(200_000));
  stream.sendEnd(NO_BYTES);
  assert.ok(queues.bulk.pendingBytes >= 64 * 1024 && queues.bulk.pendingBytes < 64 * 1024 + 17_000);
  assert.equal(queues.heldBytes, stream.heldBytes);
  for (let i = 0; i < 4; i++) takeAll();
  assert.equal(queues.heldBytes, 0);
  assert.equal(told.at(-1), "bulk grew");
  assert.ok(told.includes("finished 1"));
  const movedBytes = told.filter((line) => line.startsWith("sent"))
    .reduce((sum, line) => sum + Number(line.split(" ")[2]), 0);
  assert.ok(movedBytes > 100_000);
});

Deno.test("SendQueues.clear() wipes both logs", () => {
  const { queues, open } = makeSending();
  open(new Uint8Array(50).fill(1));
  open(new Uint8Array(50).fill(1), true);
  const views = [queues.tokens, queues.bulk].map((carried) => carried.log.framesFrom(0));
  queues.clear();
  assert.equal(queues.retainedBytes, 0);
  for (const view of views) {
    assert.ok(view !== null && view.length > 50);
    assert.ok(view.every((byte) => byte === 0));
  }
});
