import type { DialAttempt } from "./dial_attempt.ts";
import { type DialLaneOptions, LANE_ALPN, type LaneConnection } from "./lane_connection.ts";
import { SYSTEM_CLOCK } from "../clock/clock.ts";
import { HandshakeReaper } from "./handshake_reaper.ts";
import { TlsLane } from "./tls_lane.ts";

const reaper = new HandshakeReaper(SYSTEM_CLOCK);

/**
 * Begins to dial a TLS lane. `connect` + `setNoDelay` + `startTls`, because a socket from `connectTls` has Nagle's
 * algorithm on and no way to turn it off.
 */
export function dialTlsLane(ip: string, port: number, options: DialLaneOptions): DialAttempt {
  const connecting = new AbortController();
  let tls: Deno.TlsConn | null = null;
  const dial = async (): Promise<LaneConnection> => {
    const tcp = await Deno.connect({ hostname: ip, port, signal: connecting.signal });
    if (connecting.signal.aborted) {
      tcp.close();
      throw connecting.signal.reason;
    }
    tcp.setNoDelay(true);
    tls = await Deno.startTls(tcp, {
      hostname: options.serverName,
      caCerts: [...options.caCertificates],
      alpnProtocols: [LANE_ALPN],
    });
    if (connecting.signal.aborted) {
      reaper.abandon(tls);
      throw connecting.signal.reason;
    }
    try {
      const { alpnProtocol } = await tls.handshake();
      if (alpnProtocol !== LANE_ALPN) {
        throw new Error(`the peer speaks ${alpnProtocol ?? "no ALPN protocol"}`);
      }
      return new TlsLane(tls);
    } catch (error) {
      if (!connecting.signal.aborted) tls.close();
      throw error;
    }
  };
  return {
    ready: dial(),
    abandon() {
      connecting.abort();
      if (tls !== null) reaper.abandon(tls);
    },
  };
}
