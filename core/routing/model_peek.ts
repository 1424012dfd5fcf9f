/**
 * The request side of an exchange whose route is not known yet: keeps the body until the model is found, then plays
 * it to the next step within that step's window, then steps aside.
 *
 * While looking, bytes are reported as consumed, since a body may be longer than the window; when played back they
 * are not reported again.
 */
import { RelayError } from "../../shared/errors/relay_error.ts";
import {
  type AnswerReceiver,
  EXCHANGE_WINDOW_BYTES,
  type RequestReceiver,
} from "../../shared/exchange/exchange.ts";
import type { Fields } from "../../shared/exchange/fields.ts";
import { AnswerForwarder } from "../../shared/exchange/forwarder.ts";
import { DISCARD } from "../../shared/exchange/refuse.ts";
import type { ModelScan } from "./json_model_scanner.ts";

/** Reads a body until it names its model. */
export interface ModelScanner {
  receive(bytes: Uint8Array): ModelScan;
  end(): ModelScan;
}

/** Bytes that all requests being looked into may hold together. */
export class PeekBudget {
  #freeBytes: number;

  constructor(bytes: number) {
    this.#freeBytes = bytes;
  }

  get freeBytes(): number {
    return this.#freeBytes;
  }

  take(bytes: number): boolean {
    if (bytes > this.#freeBytes) return false;
    this.#freeBytes -= bytes;
    return true;
  }

  give(bytes: number): void {
    this.#freeBytes += bytes;
  }
}

export interface ModelPeekOptions {
  readonly scanner: ModelScanner;
  readonly answer: AnswerReceiver;
  readonly maxBytes: number;
  readonly budget: PeekBudget;
  /** Starts the rest of the exchange, or says why not. */
  routed(model: string | null, answer: AnswerReceiver): RequestReceiver | RelayError;
}

export class ModelPeek implements RequestReceiver {
  readonly #options: ModelPeekOptions;
  /** Null until routed. */
  #next: RequestReceiver | null = null;
  #held: Uint8Array[] = [];
  /** Taken from the budget. */
  #budgetedBytes = 0;
  /** Reported as consumed while looking, and not consumed by the next step yet. */
  #reportedBytes = 0;
  /** Played to the next step and not consumed there yet. */
  #playedBytes = 0;
  #end: { trailers: Fields | null } | null = null;

  constructor(options: ModelPeekOptions) {
    this.#options = options;
  }

  body(bytes: Uint8Array): void {
    if (this.#next === null) return this.#look(bytes);
    // What was reported while looking may still fill the next step's window.
    const hasRoom = this.#held.length === 0 && this.#playedBytes + bytes.length <= EXCHANGE_WINDOW_BYTES;
    if (hasRoom) this.#playNow(this.#next, bytes);
    else this.#held.push(bytes.slice());
  }

  end(trailers: Fields | null): void {
    this.#end = { trailers };
    if (this.#next === null) this.#route(this.#options.scanner.end());
    else this.#play();
  }

  abort(error: RelayError): void {
    const next = this.#next;
    this.stop();
    next?.abort(error);
  }

  answerConsumed(bytes: number): void {
    this.#next?.answerConsumed(bytes);
  }

  #look(bytes: Uint8Array): void {
    const { budget, maxBytes, answer, scanner } = this.#options;
    if (this.#budgetedBytes + bytes.length > maxBytes) {
      const message = `The request's first ${maxBytes} bytes name no model.`;
      return this.#refuse(new RelayError("request_too_large", { source: "downstream", message }));
    }
    if (!budget.take(bytes.length)) {
      return this.#refuse(new RelayError("overloaded", { source: "internal", retryAfterSeconds: 1 }));
    }
    this.#budgetedBytes += bytes.length;
    this.#held.push(bytes.slice());
    const scan = scanner.receive(bytes);
    this.#reportedBytes += bytes.length;
    if (scan.state !== "searching") this.#route(scan);
    answer.requestConsumed(bytes.length);
  }

  #route(scan: ModelScan): void {
    const next = this.#options.routed(
      scan.state === "found" ? scan.model : null,
      new PeekedAnswer(this, this.#options.answer),
    );
    if (next instanceof RelayError) return this.#refuse(next);
    this.#next = next;
    this.#play();
  }

  #play(): void {
    const next = this.#next;
    if (next === null) return;
    while (this.#held.length > 0 && this.#playedBytes < EXCHANGE_WINDOW_BYTES) {
      const first = this.#held[0] ?? new Uint8Array(0);
      const room = EXCHANGE_WINDOW_BYTES - this.#playedBytes;
      if (first.length <= room) this.#held.shift();
      else this.#held[0] = first.subarray(room);
      this.#playNow(next, first.subarray(0, room));
    }
    if (this.#held.length > 0) return;
    this.#giveBudgetBack();
    if (this.#end !== null) next.end(this.#end.trailers);
  }

  #playNow(next: RequestReceiver, bytes: Uint8Array): void {
    this.#playedBytes += bytes.length;
    next.body(bytes);
  }

  /** The next step took `bytes`; what was reported while looking is not reported again. */
  consumed(bytes: number): void {
    this.#playedBytes -= bytes;
    const reported = Math.min(bytes, this.#reportedBytes);
    this.#reportedBytes -= reported;
    if (bytes > reported) this.#options.answer.requestConsumed(bytes - reported);
    if (this.#held.length > 0) this.#play();
  }

  #refuse(error: RelayError): void {
    this.stop();
    this.#options.answer.abort(error);
  }

  /** Drops what is held; nothing more goes to the next step. */
  stop(): void {
    this.#held = [];
    this.#giveBudgetBack();
    this.#next = DISCARD;
  }

  #giveBudgetBack(): void {
    this.#options.budget.give(this.#budgetedBytes);
    this.#budgetedBytes = 0;
  }
}

class PeekedAnswer extends AnswerForwarder {
  readonly #peek: ModelPeek;

  constructor(peek: ModelPeek, answer: AnswerReceiver) {
    super(answer);
    this.#peek = peek;
  }

  override requestConsumed(bytes: number): void {
    this.#peek.consumed(bytes);
  }

  override abort(error: RelayError): void {
    this.#peek.stop();
    super.abort(error);
  }
}
