import assert from "node:assert/strict";
import { OutputBuffer } from "../../../shared/buffers/output_buffer.ts";
import { slabsInUse } from "../../../shared/buffers/slab_pool.ts";
import type { ByteConnection } from "../../../shared/transport/byte_connection.ts";
import { type OutputSource, WritePump } from "../../../shared/transport/write_pump.ts";
import { ManualClock } from "../../support/manual_clock.ts";
import { RawPeer } from "../../support/raw_peer.ts";
import { bytesOf } from "../../support/recorded_exchange.ts";
import { Watch } from "../../support/watch.ts";

/** A socket that takes what the test lets it take. */
class NarrowSocket implements ByteConnection {
  /** Length of each write as it was asked for. */
  readonly writes: number[] = [];
  received = "";
  #waiting: ((room: number | Error) => void) | null = null;
  readonly watch = new Watch();

  async write(bytes: Uint8Array): Promise<number> {
    this.writes.push(bytes.length);
    this.watch.changed();
    const room = await new Promise<number | Error>((resolve) => this.#waiting = resolve);
    if (room instanceof Error) throw room;
    const taken = bytes.subarray(0, room);
    this.received += new TextDecoder().decode(taken);
    return taken.length;
  }

  /** Waits for the write of that number, counted from 1, and lets it take `room` bytes or fail. */
  async let(room: number | Error, write: number): Promise<void> {
    await this.watch.until(() => this.writes.length >= write, () => `${this.writes.length} writes`);
    this.#waiting?.(room);
  }

  read(): Promise<number | null> {
    return Promise.resolve(null);
  }

  close(): void {}
}

class Bench {
  readonly output = new OutputBuffer();
  readonly source: OutputSource = {
    takeOutput: () => this.output.take(),
    outputWritten: (chunk) => {
      this.note(`written ${chunk.length}`);
      this.output.release(chunk);
    },
  };
  readonly notes: string[] = [];
  readonly #watch = new Watch();

  note(text: string): void {
    this.notes.push(text);
    this.#watch.changed();
  }

  until(note: string): Promise<void> {
    return this.#watch.until(() => this.notes.includes(note), () => this.notes.join(", "));
  }

  readonly options = {
    onError: (error: unknown) => this.note(`error ${(error as Error).message}`),
    onProgress: () => this.note("progress"),
    onDrain: () => this.note("drained"),
  };
}

Deno.test("WritePump.wake() writes all that becomes ready in one turn at once", async () => {
  const bench = new Bench();
  const socket = new NarrowSocket();
  const pump = new WritePump(socket, bench.source, bench.options);
  for (const piece of ["a", "b", "c"]) {
    bench.output.append(bytesOf(piece));
    pump.wake();
  }
  assert.equal(pump.isWriting, false);
  await socket.let(3, 1);
  await bench.until("drained");
  assert.deepEqual(socket.writes, [3]);
  assert.equal(socket.received, "abc");
});

Deno.test("WritePump goes on where a socket took a part, and batches what comes meanwhile", async () => {
  const bench = new Bench();
  const socket = new NarrowSocket();
  const pump = new WritePump(socket, bench.source, bench.options);
  bench.output.append(bytesOf("abcdef"));
  pump.wake();
  await socket.let(2, 1);
  assert.equal(pump.isWriting, true);
  for (const piece of ["gh", "i"]) {
    bench.output.append(bytesOf(piece));
    pump.wake();
  }
  await socket.let(1, 2);
  await socket.let(3, 3);
  await socket.let(3, 4);
  await bench.until("drained");
  assert.deepEqual(socket.writes, [6, 4, 3, 3]);
  assert.equal(socket.received, "abcdefghi");
  assert.deepEqual(bench.notes, ["progress", "progress", "written 6", "written 3", "drained"]);
});

Deno.test("WritePump tells a failing write once, gives its chunk back and writes no more", async () => {
  for (const writes of [1, 2]) {
    const before = slabsInUse();
    const bench = new Bench();
    const socket = new NarrowSocket();
    const pump = new WritePump(socket, bench.source, bench.options);
    bench.output.append(bytesOf("abcdef"));
    pump.wake();
    if (writes === 2) await socket.let(3, 1);
    await socket.let(new Error("broken pipe"), writes);
    await bench.until("error broken pipe");
    assert.equal(slabsInUse(), before);
    bench.output.append(bytesOf("more"));
    pump.wake();
    await Promise.resolve();
    assert.equal(socket.writes.length, writes);
    bench.output.clear();
  }
});

Deno.test("WritePump.stop() keeps silent about a write that then fails", async () => {
  const bench = new Bench();
  const socket = new NarrowSocket();
  const pump = new WritePump(socket, bench.source, bench.options);
  bench.output.append(bytesOf("abc"));
  pump.wake();
  await socket.let(1, 1);
  await socket.watch.until(() => socket.writes.length === 2, () => "");
  pump.stop();
  await socket.let(new Error("bad resource"), 2);
  await bench.until("written 3");
  assert.deepEqual(bench.notes, ["progress", "written 3"]);
});

Deno.test("WritePump.stop() takes back a write that is about to begin", async () => {
  const bench = new Bench();
  const socket = new NarrowSocket();
  const pump = new WritePump(socket, bench.source, bench.options);
  bench.output.append(bytesOf("abc"));
  pump.wake();
  pump.stop();
  await Promise.resolve();
  assert.deepEqual([socket.writes, bench.notes], [[], []]);
  bench.output.clear();
});

Deno.test("WritePump writes what its source makes ready while it is told that all was written", async () => {
  const bench = new Bench();
  const socket = new NarrowSocket();
  const pump: WritePump = new WritePump(socket, bench.source, {
    ...bench.options,
    onDrain: () => {
      bench.note("drained");
      if (bench.notes.filter((note) => note === "drained").length > 1) return;
      bench.output.append(bytesOf("next"));
      pump.wake();
    },
  });
  bench.output.append(bytesOf("first"));
  pump.wake();
  await socket.let(5, 1);
  await socket.let(4, 2);
  await bench.until("written 4");
  assert.equal(socket.received, "firstnext");
});

Deno.test("WritePump with coalescing lets the first output go and holds what follows too soon", async () => {
  const bench = new Bench();
  const socket = new NarrowSocket();
  const clock = new ManualClock();
  let isWorthwhile = true;
  const pump = new WritePump(socket, bench.source, {
    ...bench.options,
    coalesce: { clock, coalesceMs: 2, isWorthwhile: () => isWorthwhile },
  });
  const send = (text: string) => {
    bench.output.append(bytesOf(text));
    pump.wake();
  };
  clock.advance(10);
  send("first");
  await socket.let(5, 1);
  await bench.until("drained");
  send("second");
  send(" third");
  await Promise.resolve();
  assert.deepEqual(socket.writes, [5]);
  clock.advance(2);
  await socket.let(12, 2);
  await bench.until("written 12");
  await Promise.resolve();
  isWorthwhile = false;
  send("alone");
  await socket.let(5, 3);
  assert.equal(clock.pendingTimers, 0);
});

Deno.test("WritePump brings large output through a real socket unchanged", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const accepting = listener.accept();
  const peer = await RawPeer.connect(listener.addr.port);
  const socket = await accepting;
  listener.close();
  const bench = new Bench();
  const pump = new WritePump(socket, bench.source, bench.options);
  const text = Array.from({ length: 400_000 }, (_, index) => `${index},`).join("");
  for (let at = 0; at < text.length; at += 50_000) {
    bench.output.append(bytesOf(text.slice(at, at + 50_000)));
    pump.wake();
  }
  await bench.until("drained");
  await peer.until("399999,");
  assert.equal(peer.received, text);
  socket.close();
  await peer.close();
});
