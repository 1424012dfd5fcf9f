/**
 * Heads as they cross the tunnel: the payloads of STREAM_HEAD, STREAM_INFO and STREAM_END frames.
 *
 * Strings are byte strings (one byte a character), each behind a QUIC varint length (RFC 9000 §16). A length that is
 * unknown travels as 0, a known one as length + 1. What the other side sends is checked for shape only: it is our own
 * edge or core behind a mutual handshake, and the codecs at both ends have validated the content.
 */
import type { AnswerHead, ExchangeContext, RequestHead } from "./exchange.ts";
import { byteText } from "../http/byte_text.ts";
import { Fields } from "./fields.ts";

/** Largest number of fields a head may carry over the tunnel. */
const MAX_FIELD_COUNT = 1000;
const KINDS = ["client", "probe"] as const;
const PROTOCOLS = ["http/1.0", "http/1.1", "h2", "h3", "internal"] as const;
const SCHEMES = ["http", "https"] as const;

/** A head from the other node that does not have the stated shape. */
export class HeadCodecError extends Error {
  override name = "HeadCodecError";
}

class HeadWriter {
  #bytes = new Uint8Array(1024);
  #length = 0;

  integer(value: number): void {
    this.#need(8);
    const bytes = this.#bytes;
    if (value < 0x40) bytes[this.#length++] = value;
    else if (value < 0x4000) {
      bytes[this.#length++] = 0x40 | (value >> 8);
      bytes[this.#length++] = value & 0xff;
    } else {
      const high = Math.floor(value / 0x1_0000_0000);
      const view = new DataView(bytes.buffer, this.#length);
      view.setUint32(0, (0xc000_0000 | high) >>> 0);
      view.setUint32(4, value >>> 0);
      this.#length += 8;
    }
  }

  text(value: string): void {
    this.integer(value.length);
    this.#need(value.length);
    for (let i = 0; i < value.length; i++) this.#bytes[this.#length + i] = value.charCodeAt(i);
    this.#length += value.length;
  }

  fields(fields: Fields): void {
    this.integer(fields.size);
    for (let i = 0; i < fields.size; i++) {
      this.text(fields.nameAt(i));
      this.text(fields.valueAt(i));
    }
  }

  take(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  #need(bytes: number): void {
    if (this.#length + bytes <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + bytes));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
  }
}

/** Names that nearly every head carries: one string for all of them, since heads live as long as their streams. */
const COMMON_NAMES = new Map(
  [
    ...[
      "accept",
      "accept-encoding",
      "accept-language",
      "user-agent",
      "content-type",
      "x-real-time",
      "x-request-id",
    ],
    ...[
      "x-forwarded-for",
      "x-forwarded-host",
      "x-forwarded-proto",
      "authorization",
      "cache-control",
      "pragma",
    ],
    ...[
      "date",
      "server",
      "x-accel-buffering",
      "x-stainless-lang",
      "x-stainless-package-version",
      "x-stainless-os",
    ],
    ...["x-stainless-arch", "x-stainless-runtime", "x-stainless-runtime-version", "x-stainless-retry-count"],
  ].map((name) => [name, name]),
);

function knownName(name: string): string {
  return COMMON_NAMES.get(name) ?? name;
}

class HeadReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  integer(): number {
    const first = this.#byte();
    const size = 1 << (first >> 6);
    let value = first & 0x3f;
    for (let i = 1; i < size; i++) value = value * 256 + this.#byte();
    if (!Number.isSafeInteger(value)) throw new HeadCodecError("integer above 2^53");
    return value;
  }

  text(): string {
    const length = this.integer();
    if (this.#at + length > this.#bytes.length) throw new HeadCodecError("text runs past the end");
    const start = this.#at;
    this.#at += length;
    return byteText(this.#bytes.subarray(start, this.#at));
  }

  fields(): Fields {
    const count = this.integer();
    if (count > MAX_FIELD_COUNT) throw new HeadCodecError("too many fields");
    const flat: string[] = [];
    for (let i = 0; i < count; i++) flat.push(knownName(this.text()), this.text());
    return new Fields(flat);
  }

  choice<T extends string>(values: readonly T[]): T {
    const value = values[this.integer()];
    if (value === undefined) throw new HeadCodecError(`none of ${values.join(", ")}`);
    return value;
  }

  end(): void {
    if (this.#at !== this.#bytes.length) throw new HeadCodecError("bytes behind the end");
  }

  #byte(): number {
    const value = this.#bytes[this.#at++];
    if (value === undefined) throw new HeadCodecError("cut short");
    return value;
  }
}

export function encodeRequestHead(head: RequestHead): Uint8Array {
  const writer = new HeadWriter();
  const context = head.context;
  writer.text(context.id);
  writer.integer(KINDS.indexOf(context.kind));
  writer.text(context.clientAddress);
  writer.integer(PROTOCOLS.indexOf(context.protocol));
  writer.text(head.method);
  writer.integer(SCHEMES.indexOf(head.scheme));
  writer.text(head.authority);
  writer.text(head.path);
  writer.integer(head.contentLength === null ? 0 : head.contentLength + 1);
  writer.fields(head.fields);
  return writer.take();
}

/** @throws {HeadCodecError} if the bytes are not one request head */
export function decodeRequestHead(bytes: Uint8Array): RequestHead {
  const reader = new HeadReader(bytes);
  const context: ExchangeContext = {
    id: reader.text(),
    kind: reader.choice(KINDS),
    clientAddress: reader.text(),
    protocol: reader.choice(PROTOCOLS),
  };
  const head: RequestHead = {
    context,
    method: reader.text(),
    scheme: reader.choice(SCHEMES),
    authority: reader.text(),
    path: reader.text(),
    contentLength: decodeLength(reader.integer()),
    fields: reader.fields(),
  };
  reader.end();
  return head;
}

export function encodeAnswerHead(head: AnswerHead): Uint8Array {
  const writer = new HeadWriter();
  writer.integer(head.status);
  writer.integer(head.contentLength === null ? 0 : head.contentLength + 1);
  writer.fields(head.fields);
  return writer.take();
}

/** @throws {HeadCodecError} if the bytes are not one answer head */
export function decodeAnswerHead(bytes: Uint8Array): AnswerHead {
  const reader = new HeadReader(bytes);
  const head: AnswerHead = {
    status: reader.integer(),
    contentLength: decodeLength(reader.integer()),
    fields: reader.fields(),
  };
  reader.end();
  if (head.status < 100 || head.status > 599) throw new HeadCodecError("status out of range");
  return head;
}

const NO_TRAILERS = new Uint8Array(0);

/** No trailers are no bytes. */
export function encodeTrailers(trailers: Fields | null): Uint8Array {
  if (trailers === null || trailers.size === 0) return NO_TRAILERS;
  const writer = new HeadWriter();
  writer.fields(trailers);
  return writer.take();
}

/** @throws {HeadCodecError} if the bytes are not trailers */
export function decodeTrailers(bytes: Uint8Array): Fields | null {
  if (bytes.length === 0) return null;
  const reader = new HeadReader(bytes);
  const fields = reader.fields();
  reader.end();
  return fields;
}

function decodeLength(sent: number): number | null {
  return sent === 0 ? null : sent - 1;
}
