import type { StreamResetEvent } from "../tunnel/session_event.ts";

/** What stands at our end of a stream: told of everything that comes over the tunnel for it. Bytes are borrowed. */
export interface StreamOwner {
  onInformational(head: Uint8Array): void;
  onHead(head: Uint8Array): void;
  onData(bytes: Uint8Array): void;
  onEnd(trailers: Uint8Array): void;
  onReset(event: StreamResetEvent<StreamOwner>): void;
  /** Bytes given to `sendData` and held until now are on their way. */
  onSent(bytes: number): void;
  /** One of the calls above threw `cause`: ends the exchange on both sides. */
  onFault(cause: unknown): void;
}
