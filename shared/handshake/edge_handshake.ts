/**
 * The edge's half of the lane handshake, without sockets: HELLO out, CHALLENGE in, PROOF out, ACCEPT or REJECT in.
 *
 * The edge trusts the core before the first byte, by its certificate or, on a lane that the core dialled, by its knock;
 * this handshake proves the edge. What follows ACCEPT in the same read belongs to the session and comes out as `leftover`. Bytes that arrive before they can be
 * due end the handshake: an honest core never sends them.
 */
import { assert } from "../assert/assert.ts";
import { encodeHandshakeMessage } from "./handshake_codec.ts";
import { HandshakeFormatError, type HelloMessage } from "./handshake_message.ts";
import { HandshakeReader } from "./handshake_reader.ts";
import type { GrantedLimits } from "./granted_limits.ts";
import type { PeerSigner } from "./peer_signer.ts";
import { edgeTranscript } from "./transcript.ts";

export interface EdgeHandshakeOptions {
  readonly edgeName: string;
  /** The name that the lane's certificate was verified against; on a lane that the core dialled, `dialledByName`. */
  readonly serverName: string;
  /** 32 random bytes, used once. */
  readonly nonce: Uint8Array;
  /** The session that the lane is to join or resume; null: a new one. */
  readonly sessionId: Uint8Array | null;
  /** Versions that the edge speaks. */
  readonly versions: readonly number[];
  readonly sign: PeerSigner;
}

/** Why the edge has no lane: the core's REJECT code, or `protocol`: the core broke the handshake's rules. */
export type EdgeRefusal = "refused" | "version" | "unavailable" | "protocol";

export type EdgeOutcome =
  | {
    readonly kind: "accepted";
    readonly version: number;
    readonly sessionId: Uint8Array;
    /** False after a wish to resume: the core does not know the session any more. */
    readonly resumed: boolean;
    readonly limits: GrantedLimits;
    readonly coreInstanceId: Uint8Array;
    /** The session's first bytes. */
    readonly leftover: Uint8Array;
  }
  | { readonly kind: "refused"; readonly reason: EdgeRefusal };

export class EdgeHandshake {
  readonly #options: EdgeHandshakeOptions;
  readonly #reader = new HandshakeReader();
  readonly #hello: Uint8Array;
  #output: Uint8Array | null;
  #chosen: { version: number; coreInstanceId: Uint8Array } | null = null;
  #outcome: EdgeOutcome | null = null;

  constructor(options: EdgeHandshakeOptions) {
    this.#options = options;
    const { versions, edgeName, serverName, nonce, sessionId } = options;
    const hello: HelloMessage = { kind: "hello", versions, edgeName, serverName, nonce, sessionId };
    this.#hello = encodeHandshakeMessage(hello);
    this.#output = this.#hello;
  }

  /** Null until the handshake is over. */
  get outcome(): EdgeOutcome | null {
    return this.#outcome;
  }

  /** The next bytes for the core, or null. */
  takeOutput(): Uint8Array | null {
    const output = this.#output;
    this.#output = null;
    return output;
  }

  /** Takes bytes from the core; must not be called once there is an outcome. Keeps no reference to `bytes`. */
  receive(bytes: Uint8Array): void {
    assert(this.#outcome === null, "handshake is over");
    this.#reader.push(bytes);
    try {
      if (this.#chosen === null) this.#receiveChallenge();
      else this.#receiveVerdict(this.#chosen);
    } catch (error) {
      if (!(error instanceof HandshakeFormatError)) throw error;
      this.#refuse("protocol");
    }
  }

  #receiveChallenge(): void {
    const frame = this.#reader.next(["challenge", "reject"]);
    if (frame === null) return;
    const { message } = frame;
    if (message.kind === "reject") return this.#refuse(message.code);
    if (!this.#options.versions.includes(message.version) || this.#reader.heldBytes > 0) {
      return this.#refuse("protocol");
    }
    const signature = this.#options.sign(edgeTranscript(this.#hello, frame.bytes));
    this.#chosen = { version: message.version, coreInstanceId: message.coreInstanceId };
    this.#output = encodeHandshakeMessage({ kind: "proof", signature });
  }

  #receiveVerdict(chosen: { version: number; coreInstanceId: Uint8Array }): void {
    const frame = this.#reader.next(["accept", "reject"]);
    if (frame === null) return;
    const { message } = frame;
    if (message.kind === "reject") return this.#refuse(message.code);
    const { sessionId, resumed, limits } = message;
    if (resumed && !isSame(sessionId, this.#options.sessionId)) return this.#refuse("protocol");
    this.#outcome = {
      kind: "accepted",
      ...chosen,
      sessionId,
      resumed,
      limits,
      leftover: this.#reader.takeRest(),
    };
  }

  #refuse(reason: EdgeRefusal): void {
    this.#outcome = { kind: "refused", reason };
    this.#output = null;
    this.#reader.takeRest();
  }
}

function isSame(left: Uint8Array, right: Uint8Array | null): boolean {
  return right !== null && left.every((byte, index) => byte === right[index]);
}
