/**
 * Reads and writes of one bidirectional QUIC stream.
 *
 * Web streams are the public way: a BYOB read detaches the buffer it fills, allocates several objects and three
 * promises, and so needs a buffer of its own and a copy. Deno's runtime core reads and writes the resource behind
 * the stream directly, into the caller's buffer, at about a third of the processor time. It is no public API: it is
 * looked for, and without it the public way serves.
 */

/** As in `ByteConnection`; `read` wants a non-empty buffer. */
export interface QuicStreamIo {
  read(buffer: Uint8Array): Promise<number | null>;
  write(bytes: Uint8Array): Promise<number>;
  closeWrite(): Promise<void>;
}

/** The two functions of Deno's runtime core that are used, by resource id; `read` gives 0 at the end of stream. */
export interface RuntimeCore {
  read(resourceId: number, buffer: Uint8Array): Promise<number>;
  write(resourceId: number, bytes: Uint8Array): Promise<number>;
}

const SCRATCH_BYTES = 64 * 1024;

/** The runtime's core, or null where it does not look as expected. */
export function findRuntimeCore(): RuntimeCore | null {
  const internal: unknown = Reflect.get(Deno, "internal");
  if (typeof internal !== "symbol") return null;
  const core = propertyOf(Reflect.get(Deno, internal), "core");
  return isRuntimeCore(core) ? core : null;
}

/** Reads and writes `stream` through `core` where that is possible, through its web streams otherwise. */
export function openQuicStreamIo(
  stream: Deno.QuicBidirectionalStream,
  core: RuntimeCore | null,
): QuicStreamIo {
  const readId = resourceIdOf(stream.readable);
  const writeId = resourceIdOf(stream.writable);
  if (core === null || readId === null || writeId === null) return new WebStreamIo(stream);
  return new ResourceStreamIo(stream, { core, readId, writeId });
}

class ResourceStreamIo implements QuicStreamIo {
  readonly #core: RuntimeCore;
  readonly #readId: number;
  readonly #writeId: number;
  /** Held, because a stream that is garbage-collected closes its resource. */
  readonly stream: Deno.QuicBidirectionalStream;

  constructor(
    stream: Deno.QuicBidirectionalStream,
    resource: { core: RuntimeCore; readId: number; writeId: number },
  ) {
    this.stream = stream;
    this.#core = resource.core;
    this.#readId = resource.readId;
    this.#writeId = resource.writeId;
  }

  async read(buffer: Uint8Array): Promise<number | null> {
    const length = await this.#core.read(this.#readId, buffer);
    return length === 0 ? null : length;
  }

  async write(bytes: Uint8Array): Promise<number> {
    return await this.#core.write(this.#writeId, bytes);
  }

  async closeWrite(): Promise<void> {
    await this.stream.writable.close();
  }
}

class WebStreamIo implements QuicStreamIo {
  readonly #reader: ReadableStreamBYOBReader;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  #scratch = new ArrayBuffer(SCRATCH_BYTES);

  constructor(stream: Deno.QuicBidirectionalStream) {
    this.#reader = stream.readable.getReader({ mode: "byob" });
    this.#writer = stream.writable.getWriter();
    // The failed read or write tells; these say the same once more.
    this.#reader.closed.catch(ignoreRepeatedFailure);
    this.#writer.closed.catch(ignoreRepeatedFailure);
  }

  async read(buffer: Uint8Array): Promise<number | null> {
    const wanted = Math.min(buffer.length, SCRATCH_BYTES);
    const { value, done } = await this.#reader.read(new Uint8Array(this.#scratch, 0, wanted));
    if (value !== undefined) this.#scratch = value.buffer;
    if (done) return null;
    buffer.set(value);
    return value.length;
  }

  async write(bytes: Uint8Array): Promise<number> {
    await this.#writer.write(bytes);
    return bytes.length;
  }

  async closeWrite(): Promise<void> {
    await this.#writer.close();
  }
}

function resourceIdOf(stream: ReadableStream | WritableStream): number | null {
  const symbol = Object.getOwnPropertySymbols(stream).find((own) =>
    own.description === "[[resourceBacking]]"
  );
  if (symbol === undefined) return null;
  const resourceId = propertyOf(Reflect.get(stream, symbol), "rid");
  return typeof resourceId === "number" ? resourceId : null;
}

function isRuntimeCore(core: unknown): core is RuntimeCore {
  return typeof propertyOf(core, "read") === "function" && typeof propertyOf(core, "write") === "function";
}

function propertyOf(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;
}

function ignoreRepeatedFailure(): void {}
