import { SITE_NAME } from "./site_certificates.ts";
import { type TunnelEnd, tunnelPair } from "./tunnel_pair.ts";

/**
 * The edge forwards its port through a chain of one hop, over one TLS connection for all streams: TCP has the kernel's
 * BBR, while gost's QUIC sends by Cubic, which all but stops where packets are lost at random.
 */
const EDGE: TunnelEnd = {
  program: "gost",
  args: ["-C"],
  fileName: "edge.yaml",
  configuration: ({ core, originPort, certificates }, { entryPort, tunnelPort }) =>
    `log: { level: error }
services:
- name: entry
  addr: 127.0.0.1:${entryPort}
  handler: { type: tcp, chain: border }
  listener: { type: tcp }
  forwarder:
    nodes:
    - { name: origin, addr: "127.0.0.1:${originPort}" }
chains:
- name: border
  hops:
  - name: core
    nodes:
    - name: core
      addr: ${core.address}:${tunnelPort}
      connector: { type: relay }
      dialer:
        type: mtls
        tls: { secure: true, serverName: ${SITE_NAME}, caFile: ${certificates.caFile} }
        metadata: { keepalive: true }
`,
};

const CORE: TunnelEnd = {
  program: "gost",
  args: ["-C"],
  fileName: "core.yaml",
  configuration: ({ certificates }, { tunnelPort }) =>
    `log: { level: error }
services:
- name: border
  addr: :${tunnelPort}
  handler: { type: relay }
  listener:
    type: mtls
    tls: { certFile: ${certificates.certificateFile}, keyFile: ${certificates.keyFile} }
`,
};

/** Two gost v3: its relay protocol over multiplexed TLS. */
export const GOST = tunnelPair({
  name: "gost",
  link: "gost's relay protocol over one TLS connection, a stream for each connection",
  edge: EDGE,
  core: CORE,
  version: { args: ["-V"], pattern: /gost v?(\S+)/ },
});
