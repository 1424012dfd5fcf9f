/**
 * What one exchange has sent, and the check of what the other side gets: each record and byte once, in order, and an end
 * only where the sender ended. Bodies are a function of the position, so that nothing has to be stored to check them.
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { Random } from "./random.ts";

/** Every body is this noise, over and over, from a place of its own. */
const NOISE_BYTES = 65_521;
const MAX_PIECE_BYTES = 128 * 1024;
const noiseRandom = new Random(1);
const noiseRound = Uint8Array.from({ length: NOISE_BYTES }, () => noiseRandom.between(0, 255));
const noise = new Uint8Array(NOISE_BYTES + MAX_PIECE_BYTES).map((_, index) =>
  noiseRound[index % NOISE_BYTES] ?? 0
);

function bodyAt(key: number, range: { position: number; length: number }): Uint8Array {
  const start = (key * 977 + range.position) % NOISE_BYTES;
  return noise.subarray(start, start + range.length);
}

function isEqual(left: Uint8Array, right: Uint8Array | null | undefined): boolean {
  return right !== null && right !== undefined && Buffer.compare(left, right) === 0;
}

/** One direction of one exchange. */
export class DirectionModel {
  readonly #key: number;
  /** Informational heads and the head, as sent and not yet received. */
  #heads: Uint8Array[] = [];
  #sentBytes = 0;
  #receivedBytes = 0;
  #trailers: Uint8Array | null = null;
  isEndReceived = false;

  constructor(key: number) {
    this.#key = key;
  }

  get sentBytes(): number {
    return this.#sentBytes;
  }

  get receivedBytes(): number {
    return this.#receivedBytes;
  }

  get isEnded(): boolean {
    return this.#trailers !== null;
  }

  /** The next bytes of the body to send, at most 128 KiB. */
  nextBody(length: number): Uint8Array {
    const bytes = bodyAt(this.#key, { position: this.#sentBytes, length });
    this.#sentBytes += length;
    return bytes;
  }

  headSent(head: Uint8Array): void {
    this.#heads.push(head);
  }

  endSent(trailers: Uint8Array): void {
    this.#trailers = trailers;
  }

  headReceived(head: Uint8Array): void {
    assert.ok(isEqual(head, this.#heads.shift()), "a head differs from what was sent");
  }

  bodyReceived(bytes: Uint8Array): void {
    assert.ok(!this.isEndReceived, "body after the end");
    assert.equal(this.#heads.length, 0, "body before a head");
    assert.ok(this.#receivedBytes + bytes.length <= this.#sentBytes, "more bytes than were sent");
    const expected = bodyAt(this.#key, { position: this.#receivedBytes, length: bytes.length });
    assert.ok(
      isEqual(bytes, expected),
      `bytes from ${this.#receivedBytes} of exchange ${this.#key} are wrong`,
    );
    this.#receivedBytes += bytes.length;
  }

  endReceived(trailers: Uint8Array): void {
    assert.ok(!this.isEndReceived, "two ends");
    assert.ok(isEqual(trailers, this.#trailers), "an end that was not sent");
    assert.equal(this.#receivedBytes, this.#sentBytes, "an end before all bytes");
    this.isEndReceived = true;
  }
}

/** One exchange, known to both nodes by its key. */
export class ExchangeModel {
  readonly key: number;
  readonly request: DirectionModel;
  readonly answer: DirectionModel;
  /** Codes with which each side has reset. */
  edgeResetCode: number | null = null;
  coreResetCode: number | null = null;

  constructor(key: number) {
    this.key = key;
    this.request = new DirectionModel(key * 2);
    this.answer = new DirectionModel(key * 2 + 1);
  }
}
