import type { RelayError } from "../errors/relay_error.ts";
import type { AnswerHead, RequestHead } from "../exchange/exchange.ts";
import type { Fields } from "../exchange/fields.ts";
import type { Http1Limits } from "./http1_limits.ts";

export type Http1ClientEvent =
  | { kind: "informational" | "head"; head: AnswerHead }
  | { kind: "body"; bytes: Uint8Array }
  | { kind: "end"; trailers: Fields | null }
  | { kind: "broken"; error: RelayError };

/** SKELETON with the final signatures; the body follows. */
export class Http1ClientCodec {
  constructor(_limits: Http1Limits) {}
  sendRequest(_head: RequestHead): void {}
  sendBody(_bytes: Uint8Array): void {}
  sendEnd(_trailers: Fields | null): void {}
  receive(_bytes: Uint8Array, _now: number): void {}
  receiveEnd(_now: number): void {}
  nextEvent(): Http1ClientEvent | null {
    return null;
  }
  takeOutput(): Uint8Array | null {
    return null;
  }
  outputWritten(_chunk: Uint8Array): void {}
  get pendingOutputBytes(): number {
    return 0;
  }
  /** Another exchange may begin: nothing is under way, keep-alive is agreed, no stray bytes came. */
  get isReusable(): boolean {
    return true;
  }
}
