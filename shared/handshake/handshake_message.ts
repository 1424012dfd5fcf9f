/** The messages of the lane handshake, as `SPEC.md` lists them; their bytes are in `handshake_codec.ts`. */
import type { GrantedLimits } from "./granted_limits.ts";

export const MAX_HANDSHAKE_PAYLOAD_BYTES = 4096;
export const HANDSHAKE_HEADER_BYTES = 3;
export const NONCE_BYTES = 32;
export const SESSION_ID_BYTES = 16;
export const CORE_INSTANCE_ID_BYTES = 16;
export const SIGNATURE_BYTES = 64;
/** Versions that one HELLO or KNOCK may offer. */
export const MAX_OFFERED_VERSIONS = 8;

/** Edge → core, first: who wants a lane, and for which session (null: a new one). */
export interface HelloMessage {
  readonly kind: "hello";
  /** 1 to {@linkcode MAX_OFFERED_VERSIONS} different numbers, 1 to 65535. */
  readonly versions: readonly number[];
  readonly edgeName: string;
  /** The name that the edge verified in the core's certificate; on a lane that the core dialled, `core:` and its name. */
  readonly serverName: string;
  readonly nonce: Uint8Array;
  readonly sessionId: Uint8Array | null;
}

/** Core → edge: the chosen version and what the edge must sign. */
export interface ChallengeMessage {
  readonly kind: "challenge";
  readonly version: number;
  readonly nonce: Uint8Array;
  readonly coreInstanceId: Uint8Array;
}

/** Edge → core: Ed25519 signature over the transcript. */
export interface ProofMessage {
  readonly kind: "proof";
  readonly signature: Uint8Array;
}

/** Core → edge, last: the lane belongs to this session. */
export interface AcceptMessage {
  readonly kind: "accept";
  readonly sessionId: Uint8Array;
  /** Whether it is the session that HELLO asked for. */
  readonly resumed: boolean;
  readonly limits: GrantedLimits;
}

/**
 * What a REJECT tells: `refused` says nothing (the same bytes for an unknown peer, a wrong or an expired key);
 * `version` that no offered version is spoken here; `unavailable`, only to a trusted edge, that the core takes no
 * new lane now.
 */
export type RejectCode = "refused" | "version" | "unavailable";

/** Last, from whoever was asked: no lane. */
export interface RejectMessage {
  readonly kind: "reject";
  readonly code: RejectCode;
}

/** Core → edge, first on a lane that the core dialled: who wants to serve this edge. */
export interface KnockMessage {
  readonly kind: "knock";
  /** As in {@linkcode HelloMessage}. */
  readonly versions: readonly number[];
  readonly coreName: string;
  /** The edge that the core means to reach. */
  readonly edgeName: string;
  /** The name that the core verified in the edge's certificate. */
  readonly serverName: string;
  readonly nonce: Uint8Array;
}

/** Edge → core: the chosen version and what the core must sign. */
export interface InviteMessage {
  readonly kind: "invite";
  readonly version: number;
  readonly nonce: Uint8Array;
}

/** Core → edge: Ed25519 signature over KNOCK and INVITE; the edge's HELLO follows. */
export interface CoreProofMessage {
  readonly kind: "core_proof";
  readonly signature: Uint8Array;
}

export type HandshakeMessage =
  | HelloMessage
  | ChallengeMessage
  | ProofMessage
  | AcceptMessage
  | RejectMessage
  | KnockMessage
  | InviteMessage
  | CoreProofMessage;
export type HandshakeMessageKind = HandshakeMessage["kind"];

/** The peer's bytes are no handshake message. */
export class HandshakeFormatError extends Error {
  override name = "HandshakeFormatError";
  readonly reason: "malformed" | "oversized";

  constructor(reason: "malformed" | "oversized", message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.reason = reason;
  }
}
