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

/** An endless or counted answer of tokens. A token that cannot be written at once waits, with the moment it was due. */
export class TokenStream implements WheelEntry {
  readonly intervalMs: number;
  isTurning = false;
  readonly #write: (bytes: Uint8Array) => Promise<void>;
  readonly #onEnd: () => void;
  #left: number;
  #waitingUs: number[] = [];
  #isWriting = false;
  readonly #chunk = newChunk();

  /** @param write resolves when all bytes are taken; rejects when the reader is gone */
  constructor(
    request: { intervalMs: number; count: number; isPrompt: boolean },
    { write, onEnd }: { write(bytes: Uint8Array): Promise<void>; onEnd(): void },
  ) {
    this.intervalMs = request.intervalMs;
    this.#left = request.count === 0 ? Infinity : request.count;
    this.#write = write;
    this.#onEnd = onEnd;
    if (!request.isPrompt) return void this.#send(HEAD);
    this.#left--;
    stampToken(this.#chunk, CHUNK_START.length, momentUs());
    const first = new Uint8Array([...HEAD, ...this.#chunk]);
    void this.#send(first);
  }

  /** Sends the next token. */
  beat(): void {
    if (this.#left <= 0) return;
    if (--this.#left === 0) this.isTurning = false;
    if (this.#waitingUs.push(momentUs()) > MAX_WAITING_TOKENS) this.isTurning = false;
    if (!this.#isWriting) void this.#sendWaiting();
  }

  async #sendWaiting(): Promise<void> {
    for (let sentUs = this.#waitingUs.shift(); sentUs !== undefined; sentUs = this.#waitingUs.shift()) {
      stampToken(this.#chunk, CHUNK_START.length, sentUs);
      await this.#send(this.#chunk);
    }
    if (this.#left === 0 && !this.#isWriting) {
      this.#left = -1;
      await this.#send(LAST_CHUNK);
      this.#onEnd();
    }
  }

  async #send(bytes: Uint8Array): Promise<void> {
    this.#isWriting = true;
    try {
      await this.#write(bytes);
    } catch {
      this.stop();
    }
    this.#isWriting = false;
  }

  /** The reader is gone. */
  stop(): void {
    this.isTurning = false;
    this.#left = -1;
    this.#waitingUs = [];
  }
}

function newChunk(): Uint8Array {
  const chunk = new Uint8Array(CHUNK_BYTES);
  chunk.set(CHUNK_START);
  chunk.set(newTokenEvent(), CHUNK_START.length);
  chunk.set([0x0d, 0x0a], CHUNK_BYTES - 2);
  return chunk;
}
