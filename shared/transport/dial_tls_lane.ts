import type { DialAttempt } from "./dial_attempt.ts";
import { type DialLaneOptions, LANE_ALPN } from "./lane_connection.ts";
import { TlsDial } from "./tls_dial.ts";
import { TlsLane } from "./tls_lane.ts";

/** Begins to dial a TLS lane. */
export function dialTlsLane(ip: string, port: number, options: DialLaneOptions): DialAttempt {
  const { serverName, caCertificates } = options;
  const dial = new TlsDial(ip, port, {
    serverName,
    caCertificates,
    alpnProtocol: LANE_ALPN,
    isAlpnOptional: false,
  });
  return { ready: dial.ready.then((connection) => new TlsLane(connection)), abandon: () => dial.close() };
}
