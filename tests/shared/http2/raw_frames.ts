/** Frames written by hand, for tests that play a peer without our own codec's manners. */
import { Fields } from "../../../shared/exchange/fields.ts";
import { FLAG, FRAME_HEAD_BYTES, FRAME_TYPE, writeFrameHead } from "../../../shared/http2/frame.ts";
import { FrameReader } from "../../../shared/http2/frame_reader.ts";
import { HpackEncoder } from "../../../shared/http2/hpack_encoder.ts";
import { Http2Connection } from "../../../shared/http2/http2_connection.ts";
import type { Http2Event } from "../../../shared/http2/http2_event.ts";
import { DEFAULT_HTTP2_LIMITS, type Http2Limits } from "../../../shared/http2/http2_limits.ts";
import { CLIENT_PREFACE } from "../../../shared/http2/preface.ts";

export interface RawFrame {
  type: number;
  flags?: number;
  streamId?: number;
  payload?: Uint8Array | number[];
}

export function frame(parts: RawFrame): Uint8Array {
  const payload = Uint8Array.from(parts.payload ?? []);
  const bytes = new Uint8Array(FRAME_HEAD_BYTES + payload.length);
  const { type, flags = 0, streamId = 0 } = parts;
  writeFrameHead(bytes, { length: payload.length, type, flags, streamId });
  bytes.set(payload, FRAME_HEAD_BYTES);
  return bytes;
}

export function join(...parts: Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

export function block(flat: string[]): Uint8Array {
  const encoder = new HpackEncoder();
  // No indexing, so that blocks may be sent in any number and order.
  encoder.setPeerTableBytes(0);
  const bytes = encoder.encode(flat, null).slice();
  encoder.release();
  return bytes;
}

export const GET = [":method", "GET", ":scheme", "http", ":authority", "a.example", ":path", "/"];
export const POST = [":method", "POST", ":scheme", "http", ":authority", "a.example", ":path", "/v1"];

export function headers(streamId: number, flat: string[], flags: number = FLAG.END_HEADERS): Uint8Array {
  return frame({ type: FRAME_TYPE.HEADERS, flags, streamId, payload: block(flat) });
}

export function data(streamId: number, payload: Uint8Array | number[], flags = 0): Uint8Array {
  return frame({ type: FRAME_TYPE.DATA, flags, streamId, payload });
}

export function windowUpdate(streamId: number, increment: number): Uint8Array {
  return frame({ type: FRAME_TYPE.WINDOW_UPDATE, streamId, payload: uint32(increment) });
}

export function rstStream(streamId: number, errorCode: number): Uint8Array {
  return frame({ type: FRAME_TYPE.RST_STREAM, streamId, payload: uint32(errorCode) });
}

export function uint32(value: number): number[] {
  return [(value >>> 24) & 0xff, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff];
}

export const SETTINGS: Uint8Array = frame({ type: FRAME_TYPE.SETTINGS });
export const OPENING: Uint8Array = join(CLIENT_PREFACE, SETTINGS);
export const END = FLAG.END_STREAM | FLAG.END_HEADERS;

export interface SentFrame {
  type: number;
  flags: number;
  streamId: number;
  payload: Uint8Array;
}

/** A server's connection and what happens on it; body bytes are copied. */
export class TestServer {
  readonly connection: Http2Connection<string>;
  readonly events: Http2Event<string>[] = [];
  now: number;
  readonly #reader = new FrameReader(false);

  constructor(options: { limits?: Partial<Http2Limits>; now?: number; isOpened?: boolean } = {}) {
    this.now = options.now ?? 1000;
    this.connection = new Http2Connection({
      role: "server",
      limits: { ...DEFAULT_HTTP2_LIMITS, ...options.limits },
      stallTimeoutMs: 60_000,
      now: this.now,
    });
    if (options.isOpened === false) return;
    this.receive(OPENING);
    this.sent();
    this.events.length = 0;
  }

  receive(...parts: Uint8Array[]): this {
    this.connection.receive(join(...parts), this.now);
    this.drainEvents();
    return this;
  }

  drainEvents(): void {
    for (let event = this.connection.nextEvent(); event !== null; event = this.connection.nextEvent()) {
      this.events.push(event.kind === "body" ? { ...event, bytes: event.bytes.slice() } : event);
    }
  }

  /** Lets time pass until `now + ms`, calling time-outs as they come due. */
  pass(ms: number): void {
    const until = this.now + ms;
    for (;;) {
      const at = this.connection.nextTimeout();
      if (at === null || at > until) break;
      this.now = Math.max(this.now, at);
      this.connection.handleTimeout(this.now);
      this.drainEvents();
    }
    this.now = until;
  }

  /** Takes all output, as if written. */
  sent(): SentFrame[] {
    const frames: SentFrame[] = [];
    for (let chunk = this.connection.takeOutput(); chunk !== null; chunk = this.connection.takeOutput()) {
      this.#reader.receive(chunk.slice());
      this.connection.outputWritten(chunk);
      while (this.#reader.next()) {
        const { type, flags, streamId, payload } = this.#reader;
        frames.push({ type, flags, streamId, payload: payload.slice() });
      }
    }
    this.drainEvents();
    return frames;
  }

  kinds(): string[] {
    return this.events.map((event) => event.kind);
  }

  /** The error code of the GOAWAY or RST_STREAM among the frames sent; null: none. */
  errorSent(type: number): number | null {
    const found = this.sent().find((sent) => sent.type === type);
    if (found === undefined) return null;
    const at = type === FRAME_TYPE.GOAWAY ? 4 : 0;
    return new DataView(found.payload.buffer).getUint32(at);
  }

  /** The stream of the latest request. */
  get stream() {
    for (const event of this.events.toReversed()) if (event.kind === "request") return event.stream;
    throw new Error("no request came");
  }

  answer(body = new Uint8Array(0), status = 200): void {
    const { stream } = this;
    this.connection.sendHead(stream, { status, fields: new Fields(), contentLength: null });
    if (body.length > 0) this.connection.sendBody(stream, body);
    this.connection.sendEnd(stream, null);
  }
}
