import { canonicalAuthority } from "../http/authority.ts";
import { isTarget, isToken } from "../http/byte_classes.ts";
import {
  hasMember,
  listMembers,
  type OpeningHead,
  singleValue,
  WebSocketOpeningError,
} from "./opening_head.ts";
import { isOpeningKey } from "./opening_key.ts";

/** The only version there is (RFC 6455 §4.1). */
export const WEBSOCKET_VERSION = "13";
const REQUEST_LINE = /^([^ ]{1,32}) ([^ ]{1,2048}) HTTP\/1\.1$/;

export interface OpeningRequestOptions {
  /** `host` or `host:port`. */
  readonly authority: string;
  readonly path: string;
  /** Sixteen random bytes in base64. */
  readonly key: string;
  /** The subprotocol that is asked for. */
  readonly protocol: string;
}

export function writeOpeningRequest({ authority, path, key, protocol }: OpeningRequestOptions): Uint8Array {
  return new TextEncoder().encode(
    `GET ${path} HTTP/1.1\r\nHost: ${authority}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
      `Sec-WebSocket-Key: ${key}\r\nSec-WebSocket-Version: ${WEBSOCKET_VERSION}\r\n` +
      `Sec-WebSocket-Protocol: ${protocol}\r\n\r\n`,
  );
}

/** A request as it stands; whether the path is served is the caller's to say. */
export interface OpeningRequest {
  readonly method: string;
  /** As sent, query included. */
  readonly path: string;
  /** Canonical. */
  readonly authority: string;
  /** Null if it asks for no WebSocket of version 13. */
  readonly upgrade: WebSocketUpgrade | null;
}

export interface WebSocketUpgrade {
  readonly key: string;
  /** Subprotocols that the client speaks, in its order. */
  readonly protocols: readonly string[];
}

/**
 * Strict: HTTP/1.1, one valid host, no body.
 * @throws {WebSocketOpeningError}
 */
export function parseOpeningRequest({ startLine, fields }: OpeningHead): OpeningRequest {
  const [, method = "", path = ""] = REQUEST_LINE.exec(startLine) ?? [];
  if (!isToken(method) || !isTarget(path)) throw new WebSocketOpeningError("malformed request line");
  const authority = canonicalAuthority(singleValue(fields, "host") ?? "");
  if (authority === null) throw new WebSocketOpeningError("no host, several, or a malformed one");
  const lengths = fields.getAll("content-length");
  if (fields.has("transfer-encoding") || lengths.some((length) => length !== "0")) {
    throw new WebSocketOpeningError("request with a body");
  }
  const key = singleValue(fields, "sec-websocket-key") ?? "";
  const isUpgrade = method === "GET" && hasMember(fields, "upgrade", "websocket") &&
    hasMember(fields, "connection", "upgrade") &&
    singleValue(fields, "sec-websocket-version") === WEBSOCKET_VERSION && isOpeningKey(key);
  const upgrade = isUpgrade ? { key, protocols: listMembers(fields, "sec-websocket-protocol") } : null;
  return { method, path, authority, upgrade };
}
