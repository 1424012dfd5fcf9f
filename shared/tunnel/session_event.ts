import type { LogName } from "./carried_log.ts";
import type { Lane } from "./lane.ts";
import type { SessionErrorCode } from "./session_error_code.ts";
import type { SessionStream } from "./session_stream.ts";

/**
 * What a session tells its driver. Bytes in events are borrowed: valid until `nextEvent()` is called again.
 *
 * A stream's last event is `end` (that direction is complete; `sent` may follow, and `reset` while the user's own direction
 * is not wholly on its way) or `reset` (cut; nothing follows).
 * A session's last event is `closed`, `lost` or `error`; each live stream gets `reset` by `tunnel_lost` before it.
 */
export type SessionEvent<T> =
  | { readonly kind: "open"; readonly stream: SessionStream<T>; readonly head: Uint8Array }
  | { readonly kind: "informational"; readonly stream: SessionStream<T>; readonly head: Uint8Array }
  | { readonly kind: "head"; readonly stream: SessionStream<T>; readonly head: Uint8Array }
  | { readonly kind: "data"; readonly stream: SessionStream<T>; readonly bytes: Uint8Array }
  | { readonly kind: "end"; readonly stream: SessionStream<T>; readonly trailers: Uint8Array }
  | StreamResetEvent<T>
  /** `bytes` of data that `sendData` had held are on their way. */
  | { readonly kind: "sent"; readonly stream: SessionStream<T>; readonly bytes: number }
  /** No byte came for `laneTimeoutMs`: the driver closes the connection. Not sent for lanes that the driver closed. */
  | { readonly kind: "lane_dead"; readonly lane: Lane }
  /** Another lane sends the log from now on. */
  | { readonly kind: "carrier"; readonly log: LogName; readonly lane: Lane; readonly cause: CarrierCause }
  /** Small frames get another number of copies from now on. */
  | { readonly kind: "redundancy"; readonly copiesPerFrame: number; readonly lossShare: number | null }
  /** No new streams; live ones go on, those above `lastStreamId` are reset (a core gives 2^53 - 1 to take all there are). */
  | { readonly kind: "goaway"; readonly lastStreamId: number; readonly reason: number }
  /** Ended in agreement: after goaway and the last stream, by `close()`, or by the peer's CLOSE (0, or an error number). */
  | { readonly kind: "closed"; readonly by: "local" | "peer"; readonly code: number }
  /** No lane came back in time. */
  | { readonly kind: "lost" }
  /** The peer broke the protocol: the driver flushes and closes every lane. */
  | { readonly kind: "error"; readonly code: SessionErrorCode; readonly message: string };

export interface StreamResetEvent<T> {
  readonly kind: "reset";
  readonly stream: SessionStream<T>;
  /** The peer's code; 0 unless `by` is `peer`. */
  readonly code: number;
  /** `goaway`: the core never took the stream, so that it may be asked elsewhere without harm. */
  readonly by: "peer" | "tunnel_lost" | "goaway";
}

/** Why a lane came to carry a log: the one before closed, or was silent, or this one measures better. */
export type CarrierCause = "closed" | "stalled" | "better";
