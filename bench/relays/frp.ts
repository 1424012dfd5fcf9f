import { SITE_NAME } from "./site_certificates.ts";
import { type TunnelEnd, tunnelPair } from "./tunnel_pair.ts";

/** Work connections that wait for use at both ends. */
const POOL = 64;

/** frp's server stands at the edge, where clients come in. */
const EDGE: TunnelEnd = {
  program: "frps",
  args: ["-c"],
  fileName: "frps.toml",
  configuration: ({ certificates }, { tunnelPort }) =>
    `bindPort = ${tunnelPort}
proxyBindAddr = "127.0.0.1"
log.to = "console"
log.level = "error"
transport.maxPoolCount = ${POOL}
transport.tls.force = true
transport.tls.certFile = "${certificates.certificateFile}"
transport.tls.keyFile = "${certificates.keyFile}"
`,
};

/**
 * Its client stands at the core, dials the edge and exposes the origin there, over one TLS connection for all streams:
 * TCP has the kernel's BBR, while frp's QUIC sends by Cubic, which all but stops where packets are lost at random.
 */
const CORE: TunnelEnd = {
  program: "frpc",
  args: ["-c"],
  fileName: "frpc.toml",
  configuration: ({ edge, originPort, certificates }, { entryPort, tunnelPort }) =>
    `serverAddr = "${edge.address}"
serverPort = ${tunnelPort}
loginFailExit = false
log.to = "console"
log.level = "error"
transport.protocol = "tcp"
transport.poolCount = ${POOL}
transport.tls.trustedCaFile = "${certificates.caFile}"
transport.tls.serverName = "${SITE_NAME}"

[[proxies]]
name = "origin"
type = "tcp"
localIP = "127.0.0.1"
localPort = ${originPort}
remotePort = ${entryPort}
`,
};

/** frp: the core dials the edge over multiplexed TLS. */
export const FRP = tunnelPair({
  name: "frp",
  link: "frp over one TLS connection that the core dials, a stream for each connection",
  edge: EDGE,
  core: CORE,
  version: { args: ["--version"], pattern: /(\S+)/ },
});
