/**
 * The core's half of the lane handshake, without sockets: HELLO in, CHALLENGE out, PROOF in, ACCEPT or REJECT out.
 *
 * Invariant: until the proof holds, the peer learns only the version and the core's random instance id. Every HELLO
 * of a known version gets a CHALLENGE and every PROOF costs the same verifications, whether or not the edge, the
 * key or the server name is known; all refusals are the same bytes. Nothing is looked up or kept for a peer before
 * its proof holds. Rejected: an early REJECT for unknown edges (it tells which names exist), and edge certificates
 * (Deno's QUIC never asks for one).
 */
import { assert } from "../assert/assert.ts";
import type { EdgeKeys } from "./edge_keys.ts";
import {
  encodeHandshakeMessage,
  HandshakeFormatError,
  type HelloMessage,
  type RejectCode,
} from "./handshake_message.ts";
import { HandshakeReader } from "./handshake_reader.ts";
import type { GrantedLimits } from "./granted_limits.ts";
import { transcriptOf } from "./transcript.ts";

/** An edge whose proof holds, and the session it asks for (null: a new one). */
export interface TrustedEdge {
  readonly edgeName: string;
  readonly sessionId: Uint8Array | null;
  readonly version: number;
}

/** The session that a trusted edge's lane joins. */
export interface Admission {
  readonly sessionId: Uint8Array;
  readonly resumed: boolean;
  readonly limits: GrantedLimits;
}

export interface CoreHandshakeOptions {
  /** 32 random bytes, used once. */
  readonly nonce: Uint8Array;
  /** 16 random bytes, the same for the life of the process. */
  readonly coreInstanceId: Uint8Array;
  /** The names in the core's certificate. */
  readonly serverNames: ReadonlySet<string>;
  /** Versions that the core speaks; the highest common one is chosen. */
  readonly versions: readonly number[];
  readonly keys: EdgeKeys;
  /**
   * Finds or makes the session of a trusted edge; null: no new lane now. Must check that a session asked for
   * belongs to the same edge: a session id is no secret. The lane may still be lost on the way to the edge, so a
   * session that never gets one must expire.
   */
  admit(edge: TrustedEdge): Admission | null;
}

/** Why a lane was refused: a label for logs and counters, never told to the peer. */
export type RefusalReason =
  | "malformed"
  | "oversized"
  | "version"
  | "server_name"
  | "unknown_edge"
  | "wrong_key"
  | "disabled"
  | "not_yet_valid"
  | "expired"
  | "unavailable";

export type CoreOutcome =
  | {
    readonly kind: "accepted";
    readonly version: number;
    readonly edgeName: string;
    readonly sessionId: Uint8Array;
    readonly resumed: boolean;
  }
  | { readonly kind: "refused"; readonly reason: RefusalReason };

interface Challenged {
  readonly hello: HelloMessage;
  readonly version: number;
  readonly transcript: Uint8Array;
}

export class CoreHandshake {
  readonly #options: CoreHandshakeOptions;
  readonly #reader = new HandshakeReader();
  #challenged: Challenged | null = null;
  #output: Uint8Array | null = null;
  #outcome: CoreOutcome | null = null;

  constructor(options: CoreHandshakeOptions) {
    this.#options = options;
  }

  /** Null until the handshake is over; output may still be waiting then. */
  get outcome(): CoreOutcome | null {
    return this.#outcome;
  }

  /** The next bytes for the edge, or null. */
  takeOutput(): Uint8Array | null {
    const output = this.#output;
    this.#output = null;
    return output;
  }

  /**
   * Takes bytes from the edge; must not be called once there is an outcome. Keeps no reference to `bytes`.
   * `now`: wall clock, ms since 1970; only the validity of keys looks at it.
   */
  receive(bytes: Uint8Array, now: number): void {
    assert(this.#outcome === null, "handshake is over");
    this.#reader.push(bytes);
    try {
      if (this.#challenged === null) this.#receiveHello();
      else this.#receiveProof(this.#challenged, now);
    } catch (error) {
      if (!(error instanceof HandshakeFormatError)) throw error;
      this.#refuse(error.reason);
    }
  }

  #receiveHello(): void {
    const frame = this.#reader.next(["hello"]);
    if (frame === null) return;
    if (this.#reader.heldBytes > 0) return this.#refuse("malformed");
    const hello = frame.message;
    const common = hello.versions.filter((version) => this.#options.versions.includes(version));
    if (common.length === 0) return this.#refuse("version", "version");
    const version = Math.max(...common);
    const { nonce, coreInstanceId } = this.#options;
    const challenge = encodeHandshakeMessage({ kind: "challenge", version, nonce, coreInstanceId });
    this.#challenged = { hello, version, transcript: transcriptOf(frame.bytes, challenge) };
    this.#output = challenge;
  }

  #receiveProof({ hello, version, transcript }: Challenged, now: number): void {
    const frame = this.#reader.next(["proof"]);
    if (frame === null) return;
    if (this.#reader.heldBytes > 0) return this.#refuse("malformed");
    const { signature } = frame.message;
    const verdict = this.#options.keys.verify(hello.edgeName, { transcript, signature, now });
    if (verdict !== "trusted") return this.#refuse(verdict);
    if (!this.#options.serverNames.has(hello.serverName)) return this.#refuse("server_name");
    const { edgeName } = hello;
    const admission = this.#options.admit({ edgeName, sessionId: hello.sessionId, version });
    if (admission === null) return this.#refuse("unavailable", "unavailable");
    const { sessionId, resumed, limits } = admission;
    this.#output = encodeHandshakeMessage({ kind: "accept", sessionId, resumed, limits });
    this.#outcome = { kind: "accepted", version, edgeName, sessionId, resumed };
    this.#challenged = null;
  }

  #refuse(reason: RefusalReason, code: RejectCode = "refused"): void {
    this.#outcome = { kind: "refused", reason };
    this.#output = encodeHandshakeMessage({ kind: "reject", code });
    this.#challenged = null;
    this.#reader.takeRest();
  }
}
