import { hasMember, type OpeningHead, singleValue, WebSocketOpeningError } from "./opening_head.ts";
import { acceptValue } from "./opening_key.ts";
import { WEBSOCKET_VERSION } from "./opening_request.ts";

const STATUS_LINE = /^HTTP\/1\.1 ([1-5][0-9][0-9])(?: |$)/;

/** What the client asked with and what it got, both ends' view. */
export interface OpeningAgreement {
  readonly key: string;
  /** One of those that the client asked for. */
  readonly protocol: string;
}

export function writeOpeningAnswer({ key, protocol }: OpeningAgreement): Uint8Array {
  return new TextEncoder().encode(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
      `Sec-WebSocket-Accept: ${acceptValue(key)}\r\nSec-WebSocket-Protocol: ${protocol}\r\n\r\n`,
  );
}

/** Answers a request that is no opening handshake for us; the connection is to be closed behind it. */
export function writeOpeningRefusal(status: 400 | 404 | 426): Uint8Array {
  const lines = {
    400: "400 Bad Request\r\n",
    404: "404 Not Found\r\n",
    // RFC 9110 §15.5.22, RFC 6455 §4.4.
    426: `426 Upgrade Required\r\nUpgrade: websocket\r\nSec-WebSocket-Version: ${WEBSOCKET_VERSION}\r\n`,
  };
  const connection = status === 426 ? "Upgrade, close" : "close";
  return new TextEncoder().encode(
    `HTTP/1.1 ${lines[status]}Content-Length: 0\r\nConnection: ${connection}\r\n\r\n`,
  );
}

/**
 * Checks a server's answer (RFC 6455 §4.1): upgraded, to this very key, with the protocol that was asked for and no
 * extension, since none was.
 * @throws {WebSocketOpeningError}
 */
export function checkOpeningAnswer({ startLine, fields }: OpeningHead, agreement: OpeningAgreement): void {
  const status = STATUS_LINE.exec(startLine)?.[1];
  if (status === undefined) throw new WebSocketOpeningError("malformed status line");
  if (status !== "101") throw new WebSocketOpeningError(`the peer answers the upgrade with status ${status}`);
  if (!hasMember(fields, "upgrade", "websocket") || !hasMember(fields, "connection", "upgrade")) {
    throw new WebSocketOpeningError("the peer upgrades to something else");
  }
  if (singleValue(fields, "sec-websocket-accept") !== acceptValue(agreement.key)) {
    throw new WebSocketOpeningError("the answer belongs to another request");
  }
  if (singleValue(fields, "sec-websocket-protocol") !== agreement.protocol) {
    throw new WebSocketOpeningError("the peer speaks another subprotocol");
  }
  if (fields.has("sec-websocket-extensions")) {
    throw new WebSocketOpeningError("extension that nobody asked for");
  }
}
