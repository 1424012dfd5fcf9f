import { formatAddress } from "../config/address.ts";
import { checkOpeningAnswer } from "../websocket/opening_answer.ts";
import { OPENING_NONCE_BYTES } from "../websocket/opening_key.ts";
import { writeOpeningRequest } from "../websocket/opening_request.ts";
import type { DialAttempt } from "./dial_attempt.ts";
import type { DialLaneOptions, LaneConnection } from "./lane_connection.ts";
import { readOpeningHead } from "./read_opening_head.ts";
import { TlsDial } from "./tls_dial.ts";
import { LANE_PATH, LANE_SUBPROTOCOL, WEBSOCKET_ALPN, WebSocketLane } from "./websocket_lane.ts";
import { writeWhole } from "./write_whole.ts";

const HTTPS_PORT_SUFFIX = /:443$/;

/** Begins to dial a WebSocket lane: TLS, then the opening handshake (RFC 6455 §4.1). */
export function dialWebSocketLane(ip: string, port: number, options: DialLaneOptions): DialAttempt {
  const { serverName, caCertificates } = options;
  const dial = new TlsDial(ip, port, {
    serverName,
    caCertificates,
    alpnProtocol: WEBSOCKET_ALPN,
    isAlpnOptional: true,
  });
  const open = async (): Promise<LaneConnection> => {
    const connection = await dial.ready;
    try {
      return await openLane(
        connection,
        formatAddress({ hostname: serverName, port }).replace(HTTPS_PORT_SUFFIX, ""),
      );
    } catch (error) {
      dial.close();
      throw error;
    }
  };
  return { ready: open(), abandon: () => dial.close() };
}

async function openLane(connection: Deno.TlsConn, authority: string): Promise<LaneConnection> {
  const key = crypto.getRandomValues(new Uint8Array(OPENING_NONCE_BYTES)).toBase64();
  const request = writeOpeningRequest({ authority, path: LANE_PATH, key, protocol: LANE_SUBPROTOCOL });
  await writeWhole(connection, request);
  const { head, ahead } = await readOpeningHead(connection);
  checkOpeningAnswer(head, { key, protocol: LANE_SUBPROTOCOL });
  return new WebSocketLane({ connection, role: "client", ahead });
}
