/**
 * The bytes of handshake messages: `length u16 | type u8 | protobuf payload`, big endian, where `length` counts the
 * payload alone.
 *
 * Decoding is strict: a payload is refused unless encoding what was read gives the same bytes, so unknown fields,
 * repeated singular fields and overlong varints never pass. Later versions put new things into messages that come
 * after CHALLENGE or INVITE; those two, HELLO, KNOCK and REJECT keep their layout in every version.
 */
import protobuf from "protobufjs";
import {
  HANDSHAKE_HEADER_BYTES,
  HandshakeFormatError,
  type HandshakeMessage,
  type HandshakeMessageKind,
  MAX_HANDSHAKE_PAYLOAD_BYTES,
} from "./handshake_message.ts";
import { fieldsOf, messageOf } from "./payload_fields.ts";

const SCHEMA = `
syntax = "proto3";
message Hello { fixed32 magic = 1; repeated uint32 versions = 2; string edge_name = 3; string server_name = 4;
  bytes nonce = 5; bytes session_id = 6; }
message Challenge { uint32 version = 1; bytes nonce = 2; bytes core_instance_id = 3; }
message Proof { bytes signature = 1; }
message Accept { bytes session_id = 1; bool resumed = 2; uint32 max_streams = 3; uint32 window_units = 4;
  uint32 ping_interval_ms = 5; uint32 lane_timeout_ms = 6; uint32 resume_timeout_ms = 7; }
message Reject { uint32 code = 1; }
message Knock { fixed32 magic = 1; repeated uint32 versions = 2; string core_name = 3; string edge_name = 4;
  string server_name = 5; bytes nonce = 6; }
message Invite { uint32 version = 1; bytes nonce = 2; }
message CoreProof { bytes signature = 1; }
`;

const root = protobuf.parse(SCHEMA, { keepCase: true }).root;
const PAYLOAD_TYPE: Readonly<Record<HandshakeMessageKind, protobuf.Type>> = {
  hello: root.lookupType("Hello"),
  challenge: root.lookupType("Challenge"),
  proof: root.lookupType("Proof"),
  accept: root.lookupType("Accept"),
  reject: root.lookupType("Reject"),
  knock: root.lookupType("Knock"),
  invite: root.lookupType("Invite"),
  core_proof: root.lookupType("CoreProof"),
};
/** The index is the wire value of `type`. */
const KIND_BY_TYPE: readonly (HandshakeMessageKind | null)[] = [
  null,
  "hello",
  "challenge",
  "proof",
  "accept",
  "reject",
  "knock",
  "invite",
  "core_proof",
];

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
  if (!areEqual(type.encode(decoded).finish(), payload)) {
    throw new HandshakeFormatError("malformed", `${kind}: not the one encoding of what it says`);
  }
  return messageOf(kind, type.toObject(decoded, { defaults: true, arrays: true }));
}

function areEqual(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && left.every((byte, index) => byte === right[index]);
}
