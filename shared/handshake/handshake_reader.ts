import { decodeHandshakePayload, handshakeKindOf } from "./handshake_codec.ts";
import {
  HANDSHAKE_HEADER_BYTES,
  HandshakeFormatError,
  type HandshakeMessage,
  type HandshakeMessageKind,
  MAX_HANDSHAKE_PAYLOAD_BYTES,
} from "./handshake_message.ts";

export interface HandshakeFrame<K extends HandshakeMessageKind> {
  readonly message: Extract<HandshakeMessage, { kind: K }>;
  /** The whole frame as it came: what the transcript takes. */
  readonly bytes: Uint8Array;
}

/** Cuts handshake frames out of a byte stream; holds one frame and what came with it in one read at the most. */
export class HandshakeReader {
  #held: Uint8Array = new Uint8Array(0);

  /** Copies `bytes`. */
  push(bytes: Uint8Array): void {
    const joined = new Uint8Array(this.#held.length + bytes.length);
    joined.set(this.#held);
    joined.set(bytes, this.#held.length);
    this.#held = joined;
  }

  /**
   * The next frame, or null while it is incomplete. The header decides at once: a type that is not in `expected` or
   * a length above the limit is refused before any payload is waited for.
   * @throws {HandshakeFormatError}
   */
  next<K extends HandshakeMessageKind>(expected: readonly K[]): HandshakeFrame<K> | null {
    const [high, low, type] = this.#held;
    if (high === undefined || low === undefined) return null;
    const length = (high << 8) | low;
    if (length > MAX_HANDSHAKE_PAYLOAD_BYTES) {
      throw new HandshakeFormatError("oversized", `frame of ${length} bytes`);
    }
    if (type === undefined) return null;
    const kind = handshakeKindOf(type);
    if (kind === null || !isOneOf(kind, expected)) {
      throw new HandshakeFormatError("malformed", `frame of type ${type}, expected ${expected.join(" or ")}`);
    }
    const end = HANDSHAKE_HEADER_BYTES + length;
    if (this.#held.length < end) return null;
    const bytes = this.#held.slice(0, end);
    const message = decodeHandshakePayload(kind, bytes.subarray(HANDSHAKE_HEADER_BYTES));
    this.#held = this.#held.subarray(end);
    return { message: message as Extract<HandshakeMessage, { kind: K }>, bytes };
  }

  /** Bytes that came after the last frame; the reader forgets them. */
  takeRest(): Uint8Array {
    const rest = this.#held;
    this.#held = new Uint8Array(0);
    return rest;
  }

  get heldBytes(): number {
    return this.#held.length;
  }
}

function isOneOf<K extends HandshakeMessageKind>(
  kind: HandshakeMessageKind,
  expected: readonly K[],
): kind is K {
  return (expected as readonly HandshakeMessageKind[]).includes(kind);
}
