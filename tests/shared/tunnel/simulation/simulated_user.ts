/** One side of one simulated exchange: sends, consumes and resets at random. */
import assert from "node:assert/strict";
import type { SessionStream } from "../../../../shared/tunnel/session_stream.ts";
import type { DirectionModel, ExchangeModel } from "./exchange_model.ts";
import type { Random } from "./random.ts";

/** Longest piece that a user gives to one call. */
const MAX_PIECE_BYTES = 100_000;
const KEY_BYTES = 4;

/** `tokens`: many small pieces; `bulk`: a large body, often announced as such; `mixed`: pieces of any length. */
type UserKind = "tokens" | "bulk" | "mixed";

export interface UserOptions {
  readonly role: "edge" | "core";
  readonly exchange: ExchangeModel;
  readonly random: Random;
  readonly windowUnits: number;
}

export class SimulatedUser {
  readonly exchange: ExchangeModel;
  readonly sends: DirectionModel;
  readonly receives: DirectionModel;
  /** Whether it says that its body is large. */
  readonly isBulk: boolean;
  /** Bytes handed to `sendData` of which nothing was reported yet. */
  heldBytes = 0;
  unconsumedBytes = 0;
  readonly #options: UserOptions;
  readonly #kind: UserKind;
  readonly #bodyBytes: number;
  readonly #isSlow: boolean;
  #hasSentHead: boolean;
  #stream: SessionStream<SimulatedUser> | null = null;
  #isOver = false;

  constructor(options: UserOptions) {
    const { role, exchange, random } = options;
    this.#options = options;
    this.exchange = exchange;
    this.sends = role === "edge" ? exchange.request : exchange.answer;
    this.receives = role === "edge" ? exchange.answer : exchange.request;
    this.#kind = random.pick(["tokens", "tokens", "bulk", "mixed", "mixed"]);
    this.#bodyBytes = bodyBytesOf(this.#kind, random);
    this.isBulk = this.#kind === "bulk" && random.chance(0.7);
    this.#isSlow = random.chance(0.2);
    this.#hasSentHead = role === "edge";
  }

  get stream(): SessionStream<SimulatedUser> {
    if (this.#stream === null) assert.fail("a user without a stream");
    return this.#stream;
  }

  begin(stream: SessionStream<SimulatedUser>): void {
    this.#stream = stream;
  }

  /** Both directions are through. */
  get isComplete(): boolean {
    return this.sends.isEnded && this.receives.isEndReceived && this.stream.isClosed;
  }

  leave(): void {
    assert.ok(!this.#isOver, "two ends of one exchange");
    this.#isOver = true;
  }

  /** Does one thing; false when it has left by a reset. `isFinishing`: it means to come to its end. */
  act({ isFinishing }: { isFinishing: boolean }): boolean {
    const { random, role } = this.#options;
    this.#consume(isFinishing);
    if (!isFinishing && random.chance(0.004)) {
      this.#reset();
      return false;
    }
    if (this.sends.isEnded) return true;
    if (role === "core" && !this.#hasSentHead) this.#sendHead();
    else this.#sendBody();
    return true;
  }

  #consume(isFinishing: boolean): void {
    const { random } = this.#options;
    const consumes = this.unconsumedBytes > 0 && (!this.#isSlow || isFinishing || random.chance(0.1));
    if (!consumes || !random.chance(0.7)) return;
    const bytes = random.chance(0.5) ? this.unconsumedBytes : random.between(1, this.unconsumedBytes);
    this.unconsumedBytes -= bytes;
    this.stream.consumed(bytes);
  }

  #reset(): void {
    const code = this.#options.random.between(1, 50);
    if (this.#options.role === "edge") this.exchange.edgeResetCode = code;
    else this.exchange.coreResetCode = code;
    this.stream.reset(code);
  }

  #sendHead(): void {
    const { random } = this.#options;
    const head = randomHead(random, this.exchange.key);
    this.sends.headSent(head);
    if (random.chance(0.2)) return this.stream.sendInformational(head);
    this.#hasSentHead = true;
    this.stream.sendHead(head, this.isBulk);
  }

  #sendBody(): void {
    const { random, windowUnits } = this.#options;
    const left = Math.min(this.#bodyBytes - this.sends.sentBytes, windowUnits - this.heldBytes);
    if (left > 0) {
      const length = Math.min(left, this.#pieceBytes());
      this.heldBytes += length;
      this.heldBytes -= this.stream.sendData(this.sends.nextBody(length));
    } else if (this.sends.sentBytes === this.#bodyBytes) {
      const trailers = random.chance(0.5) ? new Uint8Array(0) : randomHead(random, this.exchange.key);
      this.sends.endSent(trailers);
      this.stream.sendEnd(trailers);
    }
  }

  #pieceBytes(): number {
    const { random } = this.#options;
    const isSmall = this.#kind === "tokens" || (this.#kind === "mixed" && random.chance(0.5));
    return isSmall ? random.between(1, 300) : random.between(1, MAX_PIECE_BYTES);
  }
}

function bodyBytesOf(kind: UserKind, random: Random): number {
  if (kind === "tokens") return random.between(0, 4_000);
  if (kind === "bulk") return random.between(50_000, 600_000);
  if (random.chance(0.2)) return 0;
  return random.chance(0.8) ? random.between(1, 5_000) : random.between(5_000, 400_000);
}

/** A head, or trailers, that names its exchange. */
export function randomHead(random: Random, key: number): Uint8Array {
  const length = random.chance(0.03) ? random.between(60_000, 128 * 1024) : random.between(KEY_BYTES, 600);
  const head = new Uint8Array(length).fill(random.between(0, 255));
  new DataView(head.buffer).setUint32(0, key);
  return head;
}

/** The key that {@linkcode randomHead} put in. */
export function keyOf(head: Uint8Array): number {
  return new DataView(head.buffer, head.byteOffset).getUint32(0);
}
