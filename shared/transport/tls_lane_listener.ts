import { LANE_ALPN, type LaneListener } from "./lane_connection.ts";
import type { ListenEndpoint } from "./listen_endpoint.ts";
import { TcpLaneListener } from "./tcp_lane_listener.ts";
import { TlsLane } from "./tls_lane.ts";

/** Listens for TLS lanes. */
export function listenTlsLanes(endpoint: ListenEndpoint): LaneListener {
  return new TcpLaneListener(endpoint, {
    transport: "tls",
    alpnProtocol: LANE_ALPN,
    // deno-lint-ignore require-await -- a peer without our protocol is to reject, as with the other transport
    async open(connection, alpnProtocol) {
      if (alpnProtocol !== LANE_ALPN) throw new Error("the peer offers no protocol of ours");
      return new TlsLane(connection);
    },
  });
}
