import { momentUs, newTokenEvent, stampToken, TOKEN_EVENT_BYTES } from "./token_event.ts";
import type { WheelEntry } from "./token_wheel.ts";

const encoder = new TextEncoder();
const CHUNK_START = encoder.encode(`${TOKEN_EVENT_BYTES.toString(16)}\r\n`);
const CHUNK_BYTES = CHUNK_START.length + TOKEN_EVENT_BYTES + 2;
const LAST_CHUNK = encoder.encode("0\r\n\r\n");
const HEAD = encoder.encode(
  "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-store\r\ntransfer-encoding: chunked\r\n\r\n",
);
/** Tokens that wait for a slow reader; one more breaks the stream. */
const MAX_WAITING_TOKENS = 10_000;

/** Where a stream's bytes go. */
export interface TokenSink {
  /** Resolves when all bytes are taken; rejects when the reader is gone. */
  write(bytes: Uint8Array): Promise<void>;
  /** The answer is complete. */
  ended(): void;
}

/** An endless or counted answer of tokens. A token that cannot be written at once waits, with the moment it was due. */
export class TokenStream implements WheelEntry {
  readonly intervalMs: number;
  isTurning = false;
  readonly #sink: TokenSink;
  readonly #chunk = newChunk();
  #state: "head" | "tokens" | "over" = "head";
  #left: number;
  #waitingUs: number[] = [];
  #isWriting = false;
  #number = 0;

  constructor(request: { intervalMs: number; count: number; isPrompt: boolean }, sink: TokenSink) {
    this.intervalMs = request.intervalMs;
    this.#left = request.count === 0 ? Infinity : request.count;
    this.#sink = sink;
    if (request.isPrompt) this.beat();
    else void this.#write();
  }

  /** No beat is needed any more. */
  get isSent(): boolean {
    return this.#left === 0 || this.#state === "over";
  }

  /** Sends the next token. */
  beat(): void {
    if (this.isSent) return;
    this.#left--;
    if (this.#waitingUs.push(momentUs()) > MAX_WAITING_TOKENS) return this.stop();
    if (this.isSent) this.isTurning = false;
    if (!this.#isWriting) void this.#write();
  }

  /** The reader is gone, or hopelessly late. */
  stop(): void {
    this.isTurning = false;
    this.#state = "over";
    this.#waitingUs = [];
  }

  async #write(): Promise<void> {
    this.#isWriting = true;
    try {
      for (let bytes = this.#next(); bytes !== null; bytes = this.#next()) await this.#sink.write(bytes);
    } catch (error) {
      // Clients of a bench leave in mid-stream.
      if (!(error instanceof Error)) throw error;
      this.stop();
    }
    this.#isWriting = false;
  }

  #next(): Uint8Array | null {
    const sentUs = this.#waitingUs.shift();
    if (sentUs !== undefined) {
      stampToken(this.#chunk, CHUNK_START.length, { sentUs, number: this.#number++ });
    }
    if (this.#state === "head") {
      this.#state = "tokens";
      return sentUs === undefined ? HEAD : new Uint8Array([...HEAD, ...this.#chunk]);
    }
    if (this.#state === "over") return null;
    if (sentUs !== undefined) return this.#chunk;
    if (this.#left > 0) return null;
    this.#state = "over";
    // The next request may come as soon as this is written.
    queueMicrotask(() => this.#sink.ended());
    return LAST_CHUNK;
  }
}

function newChunk(): Uint8Array {
  const chunk = new Uint8Array(CHUNK_BYTES);
  chunk.set(CHUNK_START);
  chunk.set(newTokenEvent(), CHUNK_START.length);
  chunk.set([0x0d, 0x0a], CHUNK_BYTES - 2);
  return chunk;
}
