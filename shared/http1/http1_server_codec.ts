import type { RelayError } from "../errors/relay_error.ts";
import type { AnswerHead } from "../exchange/exchange.ts";
import type { Fields } from "../exchange/fields.ts";
import type { Http1Limits } from "./http1_limits.ts";

export interface Http1RequestHead {
  readonly method: string;
  /** Canonical: lower case, validated; empty only for HTTP/1.0 without `host`. */
  readonly authority: string;
  readonly path: string;
  readonly fields: Fields;
  readonly contentLength: number | null;
  readonly version: "1.0" | "1.1";
  readonly expectsContinue: boolean;
}

export type Http1ServerEvent =
  | { kind: "request"; head: Http1RequestHead }
  | { kind: "body"; bytes: Uint8Array }
  | { kind: "end"; trailers: Fields | null }
  | { kind: "left" }
  | { kind: "refused"; error: RelayError };

/** SKELETON with the final signatures; the body follows. */
export class Http1ServerCodec {
  constructor(_limits: Http1Limits, _now: number) {}
  /** Takes bytes; drain `nextEvent()` to null before they change. Only while `isReadingAllowed`. */
  receive(_bytes: Uint8Array, _now: number): void {}
  receiveEnd(_now: number): void {}
  /** Also drain after `sendEnd`: a pipelined request may have waited for it. */
  nextEvent(): Http1ServerEvent | null {
    return null;
  }
  get isReadingAllowed(): boolean {
    return true;
  }
  /** The driver stops reading because the exchange's window is full: that time is not charged to the peer. */
  pauseReading(_now: number): void {}
  resumeReading(_now: number): void {}
  /** Nothing is sent unless the request expects it and neither it nor a head was sent. */
  sendContinue(): void {}
  /** Nothing is sent to HTTP/1.0. */
  sendInformational(_head: AnswerHead): void {}
  sendHead(_head: AnswerHead): void {}
  sendBody(_bytes: Uint8Array): void {}
  /** What is missing of the request's body is dropped here: no further event of this exchange comes. */
  sendEnd(_trailers: Fields | null): void {}
  sendBreak(): void {}
  takeOutput(): Uint8Array | null {
    return null;
  }
  outputWritten(_chunk: Uint8Array): void {}
  get pendingOutputBytes(): number {
    return 0;
  }
  /** Also true without any event when an idle connection's time is over. */
  get shouldClose(): boolean {
    return false;
  }
  nextTimeout(): number | null {
    return null;
  }
  handleTimeout(_now: number): void {}
  drain(): void {}
}
