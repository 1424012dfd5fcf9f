import { SITE_NAME } from "./site_certificates.ts";
import { type TunnelEnd, tunnelPair } from "./tunnel_pair.ts";

const PASSWORD = "bench";
const ENV = { HYSTERIA_LOG_LEVEL: "error", HYSTERIA_DISABLE_UPDATE_CHECK: "1" };

/** No bandwidth is told, so both ends send by BBR; `fastOpen` saves a round trip for each new connection. */
const EDGE: TunnelEnd = {
  program: "hysteria",
  args: ["client", "-c"],
  fileName: "client.yaml",
  env: ENV,
  configuration: ({ core, originPort, certificates }, { entryPort, tunnelPort }) =>
    `server: ${core.address}:${tunnelPort}
auth: ${PASSWORD}
tls: { sni: ${SITE_NAME}, ca: ${certificates.caFile} }
congestion: { type: bbr }
fastOpen: true
tcpForwarding:
- { listen: "127.0.0.1:${entryPort}", remote: "127.0.0.1:${originPort}" }
`,
};

const CORE: TunnelEnd = {
  program: "hysteria",
  args: ["server", "-c"],
  fileName: "server.yaml",
  env: ENV,
  configuration: ({ certificates }, { tunnelPort }) =>
    `listen: :${tunnelPort}
tls: { cert: ${certificates.certificateFile}, key: ${certificates.keyFile} }
auth: { type: password, password: ${PASSWORD} }
congestion: { type: bbr }
ignoreClientBandwidth: true
`,
};

/** Two Hysteria 2 with BBR, forwarding TCP. */
export const HYSTERIA = tunnelPair({
  name: "Hysteria 2",
  link: "Hysteria 2 over QUIC (BBR), a stream for each connection",
  edge: EDGE,
  core: CORE,
  version: { args: ["version"], pattern: /^Version:\s*v?(\S+)/m },
});
