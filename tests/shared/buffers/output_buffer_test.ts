import assert from "node:assert/strict";
import fc from "fast-check";
import { OutputBuffer } from "../../../shared/buffers/output_buffer.ts";

type Operation =
  | { kind: "append" | "reserve" | "text"; length: number; fill: number }
  | { kind: "take" | "release" | "clear" };

const LENGTH = fc.oneof(
  fc.integer({ min: 1, max: 40 }),
  fc.integer({ min: 900, max: 5000 }),
  fc.constantFrom(1023, 1024, 1025, 16384, 65535, 65536),
);
const OPERATION: fc.Arbitrary<Operation> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constantFrom("append", "reserve", "text"),
      length: LENGTH,
      fill: fc.integer({ min: 0, max: 255 }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom("take", "release") }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("clear") }) },
);

/** What the buffer must hold: a plain array of bytes, and copies of the chunks that are out. */
class Model {
  readonly buffer = new OutputBuffer();
  readonly #pending: number[] = [];
  readonly #taken: { chunk: Uint8Array; copy: Uint8Array }[] = [];

  run(operation: Operation): void {
    switch (operation.kind) {
      case "append":
      case "reserve":
      case "text":
        this.#write(operation.kind, pattern(operation.length, operation.fill));
        break;
      case "take":
        this.take();
        break;
      case "release": {
        const first = this.#taken.shift();
        if (first !== undefined) this.buffer.release(first.chunk);
        break;
      }
      case "clear":
        this.buffer.clear();
        this.#pending.length = 0;
    }
    assert.equal(this.buffer.pendingBytes, this.#pending.length);
    for (const { chunk, copy } of this.#taken) {
      assert.deepEqual(chunk, copy, "a chunk that is out was written to");
    }
  }

  take(): boolean {
    const chunk = this.buffer.take();
    assert.equal(chunk === null, this.#pending.length === 0);
    if (chunk === null) return false;
    assert.deepEqual([...chunk], this.#pending.splice(0, chunk.length));
    this.#taken.push({ chunk, copy: chunk.slice() });
    return true;
  }

  #write(kind: "append" | "reserve" | "text", bytes: Uint8Array): void {
    if (kind === "append") this.buffer.append(bytes);
    else if (kind === "text") {
      this.buffer.appendLatin1(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
    } else {
      const view = this.buffer.reserve(bytes.length);
      assert.equal(view.length, bytes.length);
      view.set(bytes);
    }
    for (const byte of bytes) this.#pending.push(byte);
  }
}

function pattern(length: number, fill: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (fill + i) & 0xff);
}

Deno.test("OutputBuffer holds what a plain array of bytes holds, and never writes to a chunk that is out", () => {
  fc.assert(
    fc.property(fc.array(OPERATION, { maxLength: 25 }), (operations) => {
      const model = new Model();
      for (const operation of operations) model.run(operation);
      while (model.take());
    }),
    { numRuns: 150 },
  );
});

Deno.test("append() takes any length, and take() gives it back in order in chunks of at most 64 KiB", () => {
  for (const length of [0, 1, 65536, 65537, 300_000]) {
    const buffer = new OutputBuffer();
    buffer.append(pattern(7, 1));
    buffer.append(pattern(length, 0));
    const out: number[] = [];
    for (let chunk = buffer.take(); chunk !== null; chunk = buffer.take()) {
      assert.ok(chunk.length <= 65536);
      for (const byte of chunk) out.push(byte);
      buffer.release(chunk);
    }
    assert.deepEqual(Uint8Array.from(out), Uint8Array.from([...pattern(7, 1), ...pattern(length, 0)]));
  }
});

Deno.test("append() of nothing and appendLatin1() of nothing leave the buffer empty", () => {
  const buffer = new OutputBuffer();
  buffer.append(new Uint8Array(0));
  buffer.appendLatin1("");
  assert.equal(buffer.take(), null);
});

Deno.test("reserve() refuses what no slab holds", () => {
  for (const bytes of [0, -1, 65537]) assert.throws(() => new OutputBuffer().reserve(bytes), /reservation/);
});
