import { writeOpeningAnswer, writeOpeningRefusal } from "../websocket/opening_answer.ts";
import { WebSocketOpeningError } from "../websocket/opening_head.ts";
import { parseOpeningRequest } from "../websocket/opening_request.ts";
import type { LaneConnection, LaneListener } from "./lane_connection.ts";
import type { ListenEndpoint } from "./listen_endpoint.ts";
import { readOpeningHead } from "./read_opening_head.ts";
import { TcpLaneListener } from "./tcp_lane_listener.ts";
import { LANE_PATH, LANE_SUBPROTOCOL, WEBSOCKET_ALPN, WebSocketLane } from "./websocket_lane.ts";
import { writeWhole } from "./write_whole.ts";

/**
 * Listens for WebSocket lanes, from edges and from reverse proxies, which may offer no ALPN protocol. Whatever else is
 * asked gets a short answer (400, 404, 426) and the end.
 */
export function listenWebSocketLanes(endpoint: ListenEndpoint): LaneListener {
  return new TcpLaneListener(endpoint, {
    transport: "websocket",
    alpnProtocol: WEBSOCKET_ALPN,
    open: (connection) => meet(connection),
  });
}

async function meet(connection: Deno.TlsConn): Promise<LaneConnection> {
  const opening = await readOpening(connection);
  if ("refusal" in opening) {
    await writeWhole(connection, writeOpeningRefusal(opening.refusal));
    await connection.closeWrite();
    throw new Error(`the peer was answered ${opening.refusal}`);
  }
  await writeWhole(connection, writeOpeningAnswer({ key: opening.key, protocol: LANE_SUBPROTOCOL }));
  return new WebSocketLane({ connection, role: "server", ahead: new Uint8Array(0) });
}

async function readOpening(
  connection: Deno.TlsConn,
): Promise<{ key: string } | { refusal: 400 | 404 | 426 }> {
  try {
    const { head, ahead } = await readOpeningHead(connection);
    const { method, path, upgrade } = parseOpeningRequest(head);
    if (method !== "GET" || path !== LANE_PATH) return { refusal: 404 };
    if (upgrade === null || !upgrade.protocols.includes(LANE_SUBPROTOCOL)) return { refusal: 426 };
    // A client sends nothing more before it is answered (RFC 6455 §4.1).
    return ahead.length > 0 ? { refusal: 400 } : { key: upgrade.key };
  } catch (error) {
    if (error instanceof WebSocketOpeningError) return { refusal: 400 };
    throw error;
  }
}
