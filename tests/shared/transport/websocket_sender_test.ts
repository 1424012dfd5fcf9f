import assert from "node:assert/strict";
import { slabsInUse } from "../../../shared/buffers/slab_pool.ts";
import type { ByteConnection } from "../../../shared/transport/byte_connection.ts";
import { WebSocketSender } from "../../../shared/transport/websocket_sender.ts";
import { FrameReader } from "../../../shared/websocket/frame_reader.ts";

/** A socket that takes so many bytes at a time, each time the test lets it. */
class GatedSocket implements ByteConnection {
  readonly writes: Uint8Array[] = [];
  readonly given: Uint8Array[] = [];
  #open: ((error: Error | null) => void)[] = [];
  #takes: number;

  constructor({ takes }: { takes: number }) {
    this.#takes = takes;
  }

  async write(bytes: Uint8Array): Promise<number> {
    const error = await new Promise<Error | null>((resolve) => this.#open.push(resolve));
    if (error !== null) throw error;
    this.given.push(bytes);
    this.writes.push(bytes.slice(0, this.#takes));
    return Math.min(bytes.length, this.#takes);
  }

  /** Lets writes through until none comes for a turn. */
  async let(error: Error | null = null): Promise<void> {
    for (let next = this.#open.shift(); next !== undefined; next = this.#open.shift()) {
      next(error);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  read(): Promise<number | null> {
    return Promise.resolve(null);
  }

  close(): void {}
}

function kindsOf(socket: GatedSocket): string[] {
  const reader = new FrameReader({ role: "client", maxMessageBytes: 1_000 });
  reader.receive(new Uint8Array(socket.writes.flatMap((bytes) => [...bytes])));
  const kinds: string[] = [];
  for (let event = reader.nextEvent(); event !== null; event = reader.nextEvent()) {
    kinds.push(event.kind === "pong" ? `pong ${event.payload}` : event.kind);
  }
  return kinds;
}

async function turns(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
}

Deno.test("WebSocketSender sends frames whole and in order, and of the pongs that wait the latest", async () => {
  const before = slabsInUse();
  const socket = new GatedSocket({ takes: 3 });
  const sender = new WebSocketSender(socket, { role: "server" });
  const first = sender.message(new Uint8Array(20));
  for (let ping = 1; ping <= 100; ping++) sender.pong(Uint8Array.of(ping));
  const second = sender.message(new Uint8Array(5));
  const closing = sender.close(new Uint8Array(0));
  await turns();
  await socket.let();
  await Promise.all([first, second, closing]);
  sender.pong(Uint8Array.of(101));
  await turns();
  await socket.let();
  assert.deepEqual(kindsOf(socket), ["data", "pong 100", "data", "close"]);
  await assert.rejects(sender.message(new Uint8Array(1)));
  assert.equal(slabsInUse(), before);
  assert.ok(socket.given.every((bytes) => bytes.every((byte) => byte === 0)), "slabs are wiped");
});

Deno.test("WebSocketSender tells a failing write to those that wait for it, and gives its memory back", async () => {
  const before = slabsInUse();
  const socket = new GatedSocket({ takes: 100 });
  const sender = new WebSocketSender(socket, { role: "client" });
  const failing = assert.rejects(sender.message(new Uint8Array(20)), /broken pipe/);
  sender.pong(new Uint8Array(1));
  await turns();
  await socket.let(new Error("broken pipe"));
  await failing;
  assert.equal(slabsInUse(), before);
});
