/** Finds out what is the matter with one address of a core: name, port, certificate, handshake, path, in this order. */
import { type Address, formatAddress } from "../../shared/config/address.ts";
import type { LaneTransport } from "../../shared/transport/lane_connection.ts";
import { LANE_ALPN } from "../../shared/transport/lane_connection.ts";
import type { AddressFacts, NameFacts, ReachFacts } from "./facts.ts";
import { inspectCertificate } from "./inspect_certificate.ts";
import { measurePath, type MeasurePathOptions } from "./measure_path.ts";
import { openLane, type OpenLaneOptions } from "./open_lane.ts";
import { reachTcp, reachUdp } from "./reach_port.ts";
import { resolveName } from "./resolve_name.ts";

/** As many as the tunnel tries. */
const MAX_IPS = 4;

export interface ExamineAddressOptions
  extends MeasurePathOptions, Omit<OpenLaneOptions, "address" | "transport"> {
  readonly address: Address;
  readonly transport: LaneTransport;
}

/** Never rejects for what the peer or the network does. */
export async function examineAddress(options: ExamineAddressOptions): Promise<AddressFacts> {
  const { clock, transport, address: { hostname, port } } = options;
  const address = formatAddress(options.address);
  const name = await resolveName(hostname, clock);
  const ips = ipsOf(name, hostname);
  if (ips.length === 0) {
    const lane = { kind: "not_tried" } as const;
    return { address, transport, name, reach: [], certificate: null, lane, path: null };
  }
  // By itself: in the middle of handshakes its time would tell of this machine rather than of the path.
  const reach = await Promise.all(ips.map((ip) => reachPort({ hostname: ip, port }, options)));
  const [certificate, { facts: lane, opened }] = await Promise.all([
    certificateAt({ hostname: ips[0] ?? hostname, port }, options),
    openLane({ ...options, address }),
  ]);
  const path = opened === null ? null : await measurePath(opened, options);
  return { address, transport, name, reach, certificate, lane, path };
}

function ipsOf(name: NameFacts, hostname: string): readonly string[] {
  if (name.kind === "failed") return [];
  return name.kind === "literal" ? [hostname] : name.ips.slice(0, MAX_IPS);
}

function reachPort(to: Address, { clock, transport }: ExamineAddressOptions): Promise<ReachFacts> {
  return transport === "quic" ? reachUdp(to, clock) : reachTcp(to, clock);
}

async function certificateAt(to: Address, { transport, serverName }: ExamineAddressOptions) {
  if (transport === "quic") return null;
  return await inspectCertificate(to, {
    serverName,
    alpn: transport === "tls" ? LANE_ALPN : "http/1.1",
  });
}
