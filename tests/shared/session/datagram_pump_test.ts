import assert from "node:assert/strict";
import { DatagramPump } from "../../../shared/session/datagram_pump.ts";
import type { LaneDatagrams } from "../../../shared/transport/lane_datagrams.ts";
import { closeQuietly, connectPair } from "../transport/lane_fixture.ts";

/** Datagrams whose every step the test decides. */
class HeldDatagrams implements LaneDatagrams {
  maxBytes = 1_200;
  /** Those whose sending has not ended. */
  readonly sending: { readonly bytes: Uint8Array; readonly done: PromiseWithResolvers<void> }[] = [];
  #receiving = Promise.withResolvers<Uint8Array>();

  send(bytes: Uint8Array): Promise<void> {
    const done = Promise.withResolvers<void>();
    this.sending.push({ bytes, done });
    return done.promise;
  }

  receive(): Promise<Uint8Array> {
    this.#receiving = Promise.withResolvers();
    return this.#receiving.promise;
  }

  arrive(bytes: Uint8Array): void {
    this.#receiving.resolve(bytes);
  }

  fail(): void {
    this.#receiving.reject(new Error("the lane is gone"));
  }
}

interface Bench {
  readonly datagrams: HeldDatagrams;
  readonly pump: DatagramPump;
  /** What is due, first to last. */
  readonly due: Uint8Array[];
  readonly received: number[][];
}

function makeBench(): Bench {
  const datagrams = new HeldDatagrams();
  const due: Uint8Array[] = [];
  const received: number[][] = [];
  const pump = new DatagramPump({
    datagrams,
    take: (maxBytes) => {
      assert.equal(maxBytes, datagrams.maxBytes);
      return due.shift() ?? null;
    },
    received: (bytes) => received.push([...bytes]),
  });
  return { datagrams, pump, due, received };
}

/** Lets every promise that is settled be seen. */
function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

Deno.test("DatagramPump.wake() sends at the end of the turn, one datagram at a time", async () => {
  const { datagrams, pump, due } = makeBench();
  pump.wake();
  due.push(Uint8Array.of(1), Uint8Array.of(2));
  assert.equal(datagrams.sending.length, 0);
  await turn();
  assert.deepEqual(datagrams.sending.map(({ bytes }) => [...bytes]), [[1]]);
  datagrams.sending[0]?.done.resolve();
  await turn();
  assert.deepEqual(datagrams.sending.map(({ bytes }) => [...bytes]), [[0], [2]], "the first is wiped");
  assert.equal(pump.sentCount, 1);
  datagrams.sending[1]?.done.resolve();
  await turn();
  assert.equal(pump.sentCount, 2);
});

Deno.test("DatagramPump.wake() while one is sent needs no second call", async () => {
  const { datagrams, pump, due } = makeBench();
  due.push(Uint8Array.of(1));
  pump.wake();
  await turn();
  due.push(Uint8Array.of(2));
  pump.wake();
  datagrams.sending[0]?.done.resolve();
  await turn();
  assert.equal(datagrams.sending.length, 2);
  datagrams.sending[1]?.done.resolve();
  await turn();
  due.push(Uint8Array.of(3));
  pump.wake();
  await turn();
  assert.equal(datagrams.sending.length, 3, "and after the last it wakes again");
  datagrams.sending[2]?.done.resolve();
  await turn();
});

Deno.test("DatagramPump stops for good when the transport fails to send, and wipes what it had", async () => {
  const { datagrams, pump, due, received } = makeBench();
  pump.start();
  due.push(Uint8Array.of(1), Uint8Array.of(2));
  pump.wake();
  await turn();
  datagrams.sending[0]?.done.reject(new Error("the lane is gone"));
  await turn();
  assert.deepEqual([...datagrams.sending[0]?.bytes ?? []], [0]);
  pump.wake();
  datagrams.arrive(Uint8Array.of(9));
  await turn();
  assert.equal(datagrams.sending.length, 1);
  assert.equal(pump.sentCount, 0);
  assert.deepEqual(received, []);
});

Deno.test("DatagramPump gives what comes and wipes it", async () => {
  const { datagrams, pump, received } = makeBench();
  pump.start();
  const datagram = Uint8Array.of(7, 8);
  datagrams.arrive(datagram);
  await turn();
  assert.deepEqual(received, [[7, 8]]);
  assert.deepEqual([...datagram], [0, 0]);
  assert.equal(pump.receivedCount, 1);
  datagrams.arrive(Uint8Array.of(9));
  await turn();
  assert.deepEqual(received, [[7, 8], [9]]);
  datagrams.fail();
  await turn();
  assert.equal(pump.receivedCount, 2);
});

Deno.test("DatagramPump stops for good when receiving fails", async () => {
  const { datagrams, pump, due } = makeBench();
  pump.start();
  datagrams.fail();
  await turn();
  due.push(Uint8Array.of(1));
  pump.wake();
  await turn();
  assert.equal(datagrams.sending.length, 0);
});

Deno.test("DatagramPump.stop() sends and gives nothing more, and wipes what still comes", async () => {
  const { datagrams, pump, due, received } = makeBench();
  pump.start();
  due.push(Uint8Array.of(1), Uint8Array.of(2));
  pump.wake();
  await turn();
  pump.stop();
  datagrams.sending[0]?.done.resolve();
  const late = Uint8Array.of(9);
  datagrams.arrive(late);
  await turn();
  assert.equal(datagrams.sending.length, 1);
  assert.deepEqual([...datagrams.sending[0]?.bytes ?? []], [0]);
  assert.deepEqual(received, []);
  assert.deepEqual([...late], [0]);
});

Deno.test("DatagramPump.stop() between wake() and the end of the turn sends nothing", async () => {
  const { datagrams, pump, due } = makeBench();
  due.push(Uint8Array.of(1));
  pump.wake();
  pump.stop();
  await turn();
  assert.equal(datagrams.sending.length, 0);
});

Deno.test("DatagramPump carries datagrams over QUIC until the lane is gone", async () => {
  const { dialled, accepted, listener } = await connectPair("quic");
  assert.ok(dialled.datagrams !== null && accepted.datagrams !== null);
  const due = Array.from({ length: 20 }, (_, index) => new Uint8Array(100).fill(index + 1));
  const all = Promise.withResolvers<void>();
  const values = new Set<number | undefined>();
  const sender = new DatagramPump({
    datagrams: dialled.datagrams,
    take: () => due.shift() ?? null,
    received: () => assert.fail("nothing comes back"),
  });
  const receiver = new DatagramPump({
    datagrams: accepted.datagrams,
    take: () => null,
    received: (bytes) => {
      values.add(bytes[0]);
      if (values.size === 20) all.resolve();
    },
  });
  for (const pump of [sender, receiver]) pump.start();
  sender.wake();
  await all.promise;
  assert.equal(sender.sentCount, 20);
  assert.equal(receiver.receivedCount, 20);
  closeQuietly(dialled, accepted, listener);
});
