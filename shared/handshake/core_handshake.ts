/**
 * The core's half of the lane handshake, without sockets: HELLO in, CHALLENGE out, PROOF in, ACCEPT or REJECT out.
 *
 * Invariant: until the proof holds, the peer learns only the version and the core's random instance id. Every HELLO
 * of a known version gets a CHALLENGE and every PROOF costs the same verifications, whether or not the edge, the
 * key or the server name is known; all refusals are the same bytes. Nothing is looked up or kept for a peer before
 * its proof holds. Rejected: an early REJECT for unknown edges (it tells which names exist), and edge certificates
 * (Deno's QUIC never asks for one).
 *
 * A lane that the core dialled has proved the edge's certificate and the core's key before; the rest is the same.
 */
import { assert } from "../assert/assert.ts";
import type { GrantedLimits } from "./granted_limits.ts";
import { encodeHandshakeMessage } from "./handshake_codec.ts";
import { HandshakeFormatError, type HelloMessage, type RejectCode } from "./handshake_message.ts";
import { coversServerName } from "./handshake_names.ts";
import { HandshakeReader } from "./handshake_reader.ts";
import type { PeerKeys } from "./peer_keys.ts";
import { edgeTranscript } from "./transcript.ts";
import { highestCommonVersion } from "./tunnel_versions.ts";

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
  /** Names that HELLO may have verified: those in the core's certificate, or what `dialledByName` gives. */
  readonly serverNames: ReadonlySet<string>;
  /** On a lane that the core dialled: the edge that it means to have reached, which may REJECT in place of HELLO. */
  readonly dialledEdge: string | null;
  /** Versions that the core speaks; the highest common one is chosen. */
  readonly versions: readonly number[];
  readonly keys: PeerKeys;
  /**
   * Finds or makes the session of a trusted edge; null: no new lane now. Must check that a session asked for
   * belongs to the same edge: a session id is no secret. The lane may still be lost on the way to the edge, so a
   * session that never gets one must expire.
   */
  admit(edge: TrustedEdge): Admission | null;
}

/**
 * Why a lane was refused: a label for logs and counters, never told to the peer. Of a dialled edge: `other_edge`, it
 * proved to be another one; `turned_away`, it refused this core.
 */
export type RefusalReason =
  | "malformed"
  | "oversized"
  | "version"
  | "server_name"
  | "unknown_edge"
  | "other_edge"
  | "turned_away"
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
  | {
    readonly kind: "refused";
    readonly reason: RefusalReason;
    /** Once its proof held; null: nobody knows who it was. */
    readonly edgeName: string | null;
  };

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
    const { nonce, coreInstanceId, dialledEdge, versions } = this.#options;
    const frame = this.#reader.next(dialledEdge === null ? ["hello"] : ["hello", "reject"]);
    if (frame === null) return;
    if (this.#reader.heldBytes > 0) return this.#refuse("malformed");
    const { message: hello } = frame;
    if (hello.kind === "reject") return this.#refuse("turned_away", { code: null });
    const version = highestCommonVersion(hello.versions, versions);
    if (version === null) return this.#refuse("version", { code: "version" });
    const challenge = encodeHandshakeMessage({ kind: "challenge", version, nonce, coreInstanceId });
    this.#challenged = { hello, version, transcript: edgeTranscript(frame.bytes, challenge) };
    this.#output = challenge;
  }

  #receiveProof({ hello, version, transcript }: Challenged, now: number): void {
    const frame = this.#reader.next(["proof"]);
    if (frame === null) return;
    if (this.#reader.heldBytes > 0) return this.#refuse("malformed");
    const { signature } = frame.message;
    const { edgeName } = hello;
    const { keys, serverNames, dialledEdge } = this.#options;
    const verdict = keys.verify(edgeName, { transcript, signature, now });
    if (verdict !== "trusted") return this.#refuse(verdict === "unknown_peer" ? "unknown_edge" : verdict);
    if (!coversServerName(serverNames, hello.serverName)) return this.#refuse("server_name", { edgeName });
    if (dialledEdge !== null && dialledEdge !== edgeName) return this.#refuse("other_edge", { edgeName });
    const admission = this.#options.admit({ edgeName, sessionId: hello.sessionId, version });
    if (admission === null) return this.#refuse("unavailable", { code: "unavailable", edgeName });
    const { sessionId, resumed, limits } = admission;
    this.#output = encodeHandshakeMessage({ kind: "accept", sessionId, resumed, limits });
    this.#outcome = { kind: "accepted", version, edgeName, sessionId, resumed };
    this.#challenged = null;
  }

  #refuse(
    reason: RefusalReason,
    { code = "refused", edgeName = null }: { code?: RejectCode | null; edgeName?: string | null } = {},
  ): void {
    this.#outcome = { kind: "refused", reason, edgeName };
    this.#output = code === null ? null : encodeHandshakeMessage({ kind: "reject", code });
    this.#challenged = null;
    this.#reader.takeRest();
  }
}
