/** Handshake messages ↔ the fields of their payloads; reading checks every bound. */
import { areLimitsSane } from "./granted_limits.ts";
import {
  type AcceptMessage,
  CORE_INSTANCE_ID_BYTES,
  HandshakeFormatError,
  type HandshakeMessage,
  type HandshakeMessageKind,
  type HelloMessage,
  type KnockMessage,
  MAX_OFFERED_VERSIONS,
  NONCE_BYTES,
  type RejectCode,
  SESSION_ID_BYTES,
  SIGNATURE_BYTES,
} from "./handshake_message.ts";
import { isNodeName, isServerName } from "./handshake_names.ts";

/** By their names in the schema. */
type Fields = Readonly<Record<string, unknown>>;

/** `LOWU` read as a big-endian number. */
const MAGIC = 0x4c4f5755;
/** The index is the wire value of `code`. */
const REJECT_CODES: readonly (RejectCode | null)[] = [null, "refused", "version", "unavailable"];

export function fieldsOf(message: HandshakeMessage): Record<string, unknown> {
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
    case "core_proof":
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
    case "knock":
      return {
        magic: MAGIC,
        versions: message.versions,
        core_name: message.coreName,
        edge_name: message.edgeName,
        server_name: message.serverName,
        nonce: message.nonce,
      };
    case "invite":
      return { version: message.version, nonce: message.nonce };
  }
}

/** @throws {HandshakeFormatError} for a value out of its bounds */
export function messageOf(kind: HandshakeMessageKind, fields: Fields): HandshakeMessage {
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
    case "core_proof":
      return { kind, signature: bytesOf(fields.signature, SIGNATURE_BYTES, kind) };
    case "accept":
      return acceptOf(fields);
    case "reject": {
      const code = typeof fields.code === "number" ? REJECT_CODES[fields.code] : null;
      if (code === null || code === undefined) throw malformed(kind, "code");
      return { kind, code };
    }
    case "knock":
      return knockOf(fields);
    case "invite":
      return {
        kind,
        version: versionOf(fields.version, kind),
        nonce: bytesOf(fields.nonce, NONCE_BYTES, kind),
      };
  }
}

function helloOf(fields: Fields): HelloMessage {
  if (fields.magic !== MAGIC) throw malformed("hello", "magic");
  const isNewSession = fields.session_id instanceof Uint8Array && fields.session_id.length === 0;
  return {
    kind: "hello",
    versions: offeredVersionsOf(fields, "hello"),
    edgeName: nameOf(fields, "edge_name", { kind: "hello", isName: isNodeName }),
    serverName: nameOf(fields, "server_name", { kind: "hello", isName: isServerName }),
    nonce: bytesOf(fields.nonce, NONCE_BYTES, "hello"),
    sessionId: isNewSession ? null : bytesOf(fields.session_id, SESSION_ID_BYTES, "hello"),
  };
}

function knockOf(fields: Fields): KnockMessage {
  if (fields.magic !== MAGIC) throw malformed("knock", "magic");
  return {
    kind: "knock",
    versions: offeredVersionsOf(fields, "knock"),
    coreName: nameOf(fields, "core_name", { kind: "knock", isName: isNodeName }),
    edgeName: nameOf(fields, "edge_name", { kind: "knock", isName: isNodeName }),
    serverName: nameOf(fields, "server_name", { kind: "knock", isName: isServerName }),
    nonce: bytesOf(fields.nonce, NONCE_BYTES, "knock"),
  };
}

function acceptOf(fields: Fields): AcceptMessage {
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

function offeredVersionsOf({ versions }: Fields, kind: HandshakeMessageKind): number[] {
  if (!Array.isArray(versions) || versions.length === 0 || versions.length > MAX_OFFERED_VERSIONS) {
    throw malformed(kind, "versions");
  }
  const offered = versions.map((version: unknown) => versionOf(version, kind));
  if (new Set(offered).size !== offered.length) throw malformed(kind, "versions");
  return offered;
}

function versionOf(value: unknown, kind: HandshakeMessageKind): number {
  if (typeof value !== "number" || value < 1 || value > 0xffff) throw malformed(kind, "version");
  return value;
}

function nameOf(
  fields: Fields,
  field: string,
  { kind, isName }: { kind: HandshakeMessageKind; isName: (text: string) => boolean },
): string {
  const value = fields[field];
  if (typeof value !== "string" || !isName(value)) throw malformed(kind, field);
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
