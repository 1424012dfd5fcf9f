import type { DialLaneOptions, LaneConnection } from "./lane_connection.ts";
import { LANE_ALPN } from "./lane_connection.ts";
import type { DialAttempt } from "./dial_attempt.ts";
import { DIALLING_MAX_STREAMS, QUIC_LANE_TRANSPORT, QuicLane } from "./quic_lane.ts";
import { QuicEndpointPool } from "./quic_endpoint_pool.ts";

const endpoints = new QuicEndpointPool();

/** Begins to dial a QUIC lane to an IP address; a name would be resolved on the main thread, blocking it. */
export function dialQuicLane(ip: string, port: number, options: DialLaneOptions): DialAttempt {
  const bindAddress = ip.includes(":") ? "::" : "0.0.0.0";
  const trust = options.caCertificates.join("\n");
  const endpoint = endpoints.take(trust, bindAddress);
  const giveBack = () => endpoints.giveBack(endpoint, trust, bindAddress);
  const dialled = Deno.connectQuic({
    hostname: ip,
    port,
    serverName: options.serverName,
    caCerts: [...options.caCertificates],
    alpnProtocols: [LANE_ALPN],
    endpoint,
    maxConcurrentBidirectionalStreams: DIALLING_MAX_STREAMS,
    ...QUIC_LANE_TRANSPORT,
  });
  let connection: Deno.QuicConn | null = null;
  let isAbandoned = false;
  const dial = async (): Promise<LaneConnection> => {
    try {
      connection = await dialled;
    } catch (error) {
      giveBack();
      throw error;
    }
    connection.closed.then(giveBack, giveBack);
    if (isAbandoned) connection.close();
    try {
      return new QuicLane(connection, await connection.createBidirectionalStream());
    } catch (error) {
      connection.close();
      throw error;
    }
  };
  return {
    ready: dial(),
    abandon() {
      isAbandoned = true;
      connection?.close();
    },
  };
}
