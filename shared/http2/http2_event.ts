import type { RelayError } from "../errors/relay_error.ts";
import type { AnswerHead } from "../exchange/exchange.ts";
import type { Fields } from "../exchange/fields.ts";
import type { Http2Stream } from "./http2_stream.ts";
import type { Http2RequestHead } from "./request_head.ts";

/** What `Http2Connection.nextEvent()` tells. */
export type Http2Event<Owner> =
  | { kind: "request"; stream: Http2Stream<Owner>; head: Http2RequestHead }
  | { kind: "informational" | "answer"; stream: Http2Stream<Owner>; head: AnswerHead }
  /** `bytes` are borrowed: a view of what `receive()` got. */
  | { kind: "body"; stream: Http2Stream<Owner>; bytes: Uint8Array }
  /** The peer's message is complete. */
  | { kind: "end"; stream: Http2Stream<Owner>; trailers: Fields | null }
  /** `bytes` of the body sent on this stream have been written to the socket. */
  | { kind: "sent"; stream: Http2Stream<Owner>; bytes: number }
  /** A request that must not go on; the stream still takes an answer, and what it receives is dropped. */
  | { kind: "stream_refused"; stream: Http2Stream<Owner>; error: RelayError }
  /** The last event of a stream, unless we reset it: complete (null), or cut by the peer or because of it. */
  | { kind: "closed"; stream: Http2Stream<Owner>; error: RelayError | null }
  /** The peer's settings are in effect. */
  | { kind: "settings"; maxConcurrentStreams: number }
  /** The peer takes no new streams. */
  | { kind: "goaway"; errorCode: number }
  /** The peer broke the protocol or a limit: all streams are lost; write what is pending, then close. */
  | { kind: "refused"; error: RelayError };
