/**
 * What a codec made of some input, as lines that do not depend on how the input was cut: payload is joined, and every
 * piece is overwritten once its events are taken, so that a codec that keeps a view instead of a copy shows.
 */
import { RelayError } from "../../../shared/errors/relay_error.ts";
import type { AnswerHead } from "../../../shared/exchange/exchange.ts";
import { Fields } from "../../../shared/exchange/fields.ts";
import { Http1ClientCodec } from "../../../shared/http1/http1_client_codec.ts";
import { DEFAULT_HTTP1_LIMITS, type Http1Limits } from "../../../shared/http1/http1_limits.ts";
import { Http1ServerCodec } from "../../../shared/http1/http1_server_codec.ts";

export interface Transcript {
  lines: string[];
  output: string;
  maxHeldBytes: number;
  /** The server's `shouldClose`, or the client's inverted `isReusable`, at the end. */
  isClosed: boolean;
}

export function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (unit) => unit.charCodeAt(0));
}

export function textOf(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

export function takeText(codec: Http1ServerCodec | Http1ClientCodec): string {
  let text = "";
  for (let chunk = codec.takeOutput(); chunk !== null; chunk = codec.takeOutput()) {
    text += textOf(chunk);
    codec.outputWritten(chunk);
  }
  return text;
}

/** Cuts `bytes` into pieces of `size`. */
export function cut(bytes: Uint8Array, size: number): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.slice(at, at + size));
  return pieces;
}

export interface TranscriptOptions {
  limits?: Partial<Http1Limits>;
  /** The input ends after the last piece. */
  ends?: boolean;
  /** When a request is answered (server). @default "end" */
  answerAt?: "request" | "end";
  /** The request's method (client). @default "GET" */
  method?: string;
}

class Lines {
  readonly lines: string[] = [];
  #body = "";

  add(line: string): void {
    if (this.#body !== "") this.lines.push(`body ${JSON.stringify(this.#body)}`);
    this.#body = "";
    this.lines.push(line);
  }

  body(bytes: Uint8Array): void {
    this.#body += textOf(bytes);
  }

  /** A body without an end stays visible, as such. */
  finish(): string[] {
    if (this.#body !== "") this.add("unfinished");
    return this.lines;
  }
}

const OK: AnswerHead = { status: 200, fields: new Fields(), contentLength: 0 };

/** Serves `pieces` as a driver does: every request is answered by an empty 200, every refusal by its status. */
export function serverTranscript(pieces: Uint8Array[], options: TranscriptOptions = {}): Transcript {
  const codec = new Http1ServerCodec({ ...DEFAULT_HTTP1_LIMITS, ...options.limits }, 0);
  const lines = new Lines();
  let output = "";
  let maxHeldBytes = 0;
  const answer = () => {
    codec.sendHead(OK);
    codec.sendEnd(null);
  };
  const drain = () => {
    for (let event = codec.nextEvent(); event !== null; event = codec.nextEvent()) {
      if (event.kind === "body") lines.body(event.bytes);
      else lines.add(lineOf(event));
      if (event.kind === "request") codec.sendContinue();
      if (event.kind === "request" && options.answerAt === "request") answer();
      if (event.kind === "end") answer();
      output += takeText(codec);
    }
    maxHeldBytes = Math.max(maxHeldBytes, codec.heldBytes);
  };
  for (const piece of pieces) {
    const lent = piece.slice();
    codec.receive(lent, 0);
    drain();
    lent.fill(0xaa);
  }
  if (options.ends === true) codec.receiveEnd(0);
  drain();
  return { lines: lines.finish(), output, maxHeldBytes, isClosed: codec.shouldClose };
}

/** Reads `pieces` as the answer to one request. */
export function clientTranscript(pieces: Uint8Array[], options: TranscriptOptions = {}): Transcript {
  const codec = new Http1ClientCodec({ ...DEFAULT_HTTP1_LIMITS, ...options.limits });
  const lines = new Lines();
  let maxHeldBytes = 0;
  codec.sendRequest({
    context: { id: "1", kind: "client", clientAddress: "192.0.2.1", protocol: "internal" },
    ...{ method: options.method ?? "GET", scheme: "http", authority: "origin", path: "/", contentLength: 0 },
    fields: new Fields(),
  });
  codec.sendEnd(null);
  const drain = () => {
    for (let event = codec.nextEvent(); event !== null; event = codec.nextEvent()) {
      if (event.kind === "body") lines.body(event.bytes);
      else lines.add(lineOf(event));
    }
    maxHeldBytes = Math.max(maxHeldBytes, codec.heldBytes);
  };
  for (const piece of pieces) {
    const lent = piece.slice();
    codec.receive(lent, 0);
    drain();
    lent.fill(0xaa);
  }
  if (options.ends === true) codec.receiveEnd(0);
  drain();
  return { lines: lines.finish(), output: takeText(codec), maxHeldBytes, isClosed: !codec.isReusable };
}

function lineOf(event: object & { kind: string }): string {
  if ("error" in event && event.error instanceof RelayError) return `${event.kind} ${event.error.code}`;
  const told = JSON.stringify(event, (_key, value) => value instanceof Fields ? [...value].flat() : value);
  return told;
}
