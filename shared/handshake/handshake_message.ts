/**
 * The five messages of the lane handshake and their bytes: `length u16 | type u8 | protobuf payload`, big endian,
 * where `length` counts the payload alone.
 *
 * Decoding is strict: a payload is refused unless encoding what was read gives the same bytes, so unknown fields,
 * repeated singular fields and overlong varints never pass. Later versions put new things into messages that come
 * after CHALLENGE; HELLO, CHALLENGE and REJECT keep their layout in every version.
 */
import protobuf from "protobufjs";
import { isEdgeName, isServerName } from "./handshake_names.ts";
import { areLimitsSane, type GrantedLimits } from "./granted_limits.ts";

export const MAX_HANDSHAKE_PAYLOAD_BYTES = 4096;
export const HANDSHAKE_HEADER_BYTES = 3;
export const NONCE_BYTES = 32;
export const SESSION_ID_BYTES = 16;
export const CORE_INSTANCE_ID_BYTES = 16;
export const SIGNATURE_BYTES = 64;
/** Versions that one HELLO may offer. */
export const MAX_OFFERED_VERSIONS = 8;

/** `LOWU` read as a big-endian number. */
const MAGIC = 0x4c4f5755;

/** Edge → core, first: who wants a lane, and for which session (null: a new one). */
export interface HelloMessage {
  readonly kind: "hello";
  /** 1 to {@linkcode MAX_OFFERED_VERSIONS} different numbers, 1 to 65535. */
  readonly versions: readonly number[];
  readonly edgeName: string;
  /** The name that the edge verified in the core's certificate. */
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
 * What a REJECT tells: `refused` says nothing (the same bytes for an unknown edge, a wrong or an expired key);
 * `version` that no offered version is spoken here; `unavailable`, only to a trusted edge, that the core takes no
 * new lane now.
 */
export type RejectCode = "refused" | "version" | "unavailable";

/** Core → edge, last: no lane. */
export interface RejectMessage {
  readonly kind: "reject";
  readonly code: RejectCode;
}

export type HandshakeMessage =
  | HelloMessage
  | ChallengeMessage
  | ProofMessage
  | AcceptMessage
  | RejectMessage;
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

const SCHEMA = `
syntax = "proto3";
message Hello { fixed32 magic = 1; repeated uint32 versions = 2; string edge_name = 3; string server_name = 4;
  bytes nonce = 5; bytes session_id = 6; }
message Challenge { uint32 version = 1; bytes nonce = 2; bytes core_instance_id = 3; }
message Proof { bytes signature = 1; }
message Accept { bytes session_id = 1; bool resumed = 2; uint32 max_streams = 3; uint32 window_units = 4;
  uint32 ping_interval_ms = 5; uint32 lane_timeout_ms = 6; uint32 resume_timeout_ms = 7; }
message Reject { uint32 code = 1; }
`;

const root = protobuf.parse(SCHEMA, { keepCase: true }).root;
const PAYLOAD_TYPE: Readonly<Record<HandshakeMessageKind, protobuf.Type>> = {
  hello: root.lookupType("Hello"),
  challenge: root.lookupType("Challenge"),
  proof: root.lookupType("Proof"),
  accept: root.lookupType("Accept"),
  reject: root.lookupType("Reject"),
};
/** The index is the wire value of `type`. */
const KIND_BY_TYPE: readonly (HandshakeMessageKind | null)[] = [
  null,
  "hello",
  "challenge",
  "proof",
  "accept",
  "reject",
];
const REJECT_CODES: readonly (RejectCode | null)[] = [null, "refused", "version", "unavailable"];

/** The kind behind a frame's type byte, or null. */
export function handshakeKindOf(type: number): HandshakeMessageKind | null {
  return KIND_BY_TYPE[type] ?? null;
}

/** The whole frame: header and payload. */
export function encodeHandshakeMessage(message: HandshakeMessage): Uint8Array {
  const payload = PAYLOAD_TYPE[message.kind].encode(fieldsOf(message)).finish();
  if (payload.length > MAX_HANDSHAKE_PAYLOAD_BYTES) {
    throw new HandshakeFormatError("oversized", `${message.kind} of ${payload.length} bytes`);
  }
  const frame = new Uint8Array(HANDSHAKE_HEADER_BYTES + payload.length);
  frame[0] = payload.length >> 8;
  frame[1] = payload.length & 0xff;
  frame[2] = KIND_BY_TYPE.indexOf(message.kind);
  frame.set(payload, HANDSHAKE_HEADER_BYTES);
  return frame;
}

/**
 * Reads one payload; what it returns shares no memory with `payload`.
 * @throws {HandshakeFormatError} for anything but the one encoding of a valid message
 */
export function decodeHandshakePayload(kind: HandshakeMessageKind, payload: Uint8Array): HandshakeMessage {
  const type = PAYLOAD_TYPE[kind];
  let decoded: protobuf.Message;
  try {
    decoded = type.decode(payload);
  } catch (error) {
    throw new HandshakeFormatError("malformed", `${kind} is not protobuf`, error);
  }
  if (!areEqual(type.encode(decoded).finish(), payload)) throw malformed(kind, "encoding");
  const fields: Readonly<Record<string, unknown>> = type.toObject(decoded, { defaults: true, arrays: true });
  switch (kind) {
    case "hello":
      return helloOf(fields);
    case "challenge":
      return {
        kind,
        version: versionOf(fields.version, kind),
        nonce: bytesOf(fields.nonce, NONCE_BYTES, kind),
        coreInstanceId: bytesOf(fields.core_instance_id, CORE_INSTANCE_ID_BYTES, kind),
      };
    case "proof":
      return { kind, signature: bytesOf(fields.signature, SIGNATURE_BYTES, kind) };
    case "accept":
      return acceptOf(fields);
    case "reject": {
      const code = typeof fields.code === "number" ? REJECT_CODES[fields.code] : null;
      if (code === null || code === undefined) throw malformed(kind, "code");
      return { kind, code };
    }
  }
}

function fieldsOf(message: HandshakeMessage): Record<string, unknown> {
  switch (message.kind) {
    case "hello":
      return {
        magic: MAGIC,
        versions: message.versions,
        edge_name: message.edgeName,
        server_name: message.serverName,
        nonce: message.nonce,
        ...(message.sessionId === null ? {} : { session_id: message.sessionId }),
      };
    case "challenge":
      return { version: message.version, nonce: message.nonce, core_instance_id: message.coreInstanceId };
    case "proof":
      return { signature: message.signature };
    case "accept":
      return {
        session_id: message.sessionId,
        resumed: message.resumed,
        max_streams: message.limits.maxStreams,
        window_units: message.limits.windowUnits,
        ping_interval_ms: message.limits.pingIntervalMs,
        lane_timeout_ms: message.limits.laneTimeoutMs,
        resume_timeout_ms: message.limits.resumeTimeoutMs,
      };
    case "reject":
      return { code: REJECT_CODES.indexOf(message.code) };
  }
}

function helloOf(fields: Readonly<Record<string, unknown>>): HelloMessage {
  const { versions, edge_name: edgeName, server_name: serverName } = fields;
  if (fields.magic !== MAGIC) throw malformed("hello", "magic");
  if (!Array.isArray(versions) || versions.length === 0 || versions.length > MAX_OFFERED_VERSIONS) {
    throw malformed("hello", "versions");
  }
  const offered = versions.map((version: unknown) => versionOf(version, "hello"));
  if (new Set(offered).size !== offered.length) throw malformed("hello", "versions");
  if (typeof edgeName !== "string" || !isEdgeName(edgeName)) throw malformed("hello", "edge_name");
  if (typeof serverName !== "string" || !isServerName(serverName)) throw malformed("hello", "server_name");
  const isNewSession = fields.session_id instanceof Uint8Array && fields.session_id.length === 0;
  return {
    kind: "hello",
    versions: offered,
    edgeName,
    serverName,
    nonce: bytesOf(fields.nonce, NONCE_BYTES, "hello"),
    sessionId: isNewSession ? null : bytesOf(fields.session_id, SESSION_ID_BYTES, "hello"),
  };
}

function acceptOf(fields: Readonly<Record<string, unknown>>): AcceptMessage {
  const limits = {
    maxStreams: Number(fields.max_streams),
    windowUnits: Number(fields.window_units),
    pingIntervalMs: Number(fields.ping_interval_ms),
    laneTimeoutMs: Number(fields.lane_timeout_ms),
    resumeTimeoutMs: Number(fields.resume_timeout_ms),
  };
  if (!areLimitsSane(limits)) throw malformed("accept", "limits");
  return {
    kind: "accept",
    sessionId: bytesOf(fields.session_id, SESSION_ID_BYTES, "accept"),
    resumed: fields.resumed === true,
    limits,
  };
}

function versionOf(value: unknown, kind: HandshakeMessageKind): number {
  if (typeof value !== "number" || value < 1 || value > 0xffff) throw malformed(kind, "version");
  return value;
}

function bytesOf(value: unknown, length: number, kind: HandshakeMessageKind): Uint8Array {
  if (!(value instanceof Uint8Array) || value.length !== length) {
    throw malformed(kind, `${length}-byte field`);
  }
  return new Uint8Array(value);
}

function malformed(kind: HandshakeMessageKind, what: string): HandshakeFormatError {
  return new HandshakeFormatError("malformed", `${kind}: bad ${what}`);
}

function areEqual(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && left.every((byte, index) => byte === right[index]);
}
